"""What is due: popped in the order of time by each entity's own frontier, kept over a restart, replaced where it is one."""

import msgspec

from dataflows.due_queue import DueQueue

TABLE = b"t"
A, B = b"a" * 16, b"b" * 16


class Item(msgspec.Struct, array_like=True):
    """What a test keeps."""

    text: str


def queue(parts):
    return DueQueue(parts.store, TABLE, Item)


def pop(found, **frontiers):
    """(instant, text) of what is due."""
    return [(at, item.text) for at, _, item in found.pop(max(frontiers.values()), lambda entity: frontiers[entity])]


def test_items_come_in_the_order_of_time_and_once(parts):
    found = queue(parts)
    for instant, text in ((30, "late"), (10, "early"), (20, "middle")):
        found.add(instant, A, "us", Item(text))
    assert 3 == len(found)
    assert [] == pop(found, us=9)
    assert [(10, "early"), (20, "middle")] == pop(found, us=20)
    assert [(30, "late")] == pop(found, us=99)
    assert ([], 0) == (pop(found, us=99), len(found))


def test_an_item_that_is_known_stays_as_it_is(parts):
    found = queue(parts)
    found.add(10, A, "us", Item("first"))
    found.add(10, A, "us", Item("second"))
    found.add(10, B, "us", Item("other"))
    assert [(10, "first"), (10, "other")] == pop(found, us=10)
    found.add(10, A, "us", Item("third"))
    assert [(10, "third")] == pop(found, us=10)


def test_each_entity_has_its_own_frontier(parts):
    found = queue(parts)
    found.add(10, A, "us", Item("us"))
    found.add(10, A, "de", Item("de"))
    found.add(20, A, "de", Item("de later"))
    assert [(10, "de"), (20, "de later")] == pop(found, us=5, de=30)
    assert [(10, "us")] == pop(found, us=10, de=30)


def test_items_are_there_after_a_restart(parts):
    found = queue(parts)
    found.add(-5, A, "us", Item("before 1970"))
    found.add(10, A, "us", Item("gone"))
    found.add(20, B, "naïve", Item("kept"))
    assert 2 == len(pop(found, us=10, naïve=0))
    parts.store.commit()
    again = queue(parts.reopen())
    assert [(20, "kept")] == pop(again, us=99, naïve=99)


def test_the_one_item_of_a_name_is_replaced(parts):
    found = queue(parts)
    found.replace(10, A, "us", Item("first"))
    found.replace(30, A, "us", Item("later"))
    found.replace(20, B, "us", Item("other"))
    assert [(20, "other")] == pop(found, us=20)
    found.replace(5, A, "us", Item("earlier"))
    found.replace(5, A, "us", Item("the same instant"))
    assert [(5, "the same instant")] == pop(found, us=99)


def test_the_one_item_of_a_name_is_taken_away(parts):
    found = queue(parts)
    found.replace(None, A, "us", Item("nothing"))
    found.replace(10, A, "us", Item("first"))
    found.replace(None, A, "us", Item("nothing"))
    assert ([], 0) == (pop(found, us=99), len(found))
    found.replace(10, A, "us", Item("again"))
    assert [(10, "again")] == pop(found, us=99)


def test_an_item_of_before_a_restart_is_replaced_too(parts):
    queue(parts).replace(10, A, "us", Item("first"))
    parts.store.commit()
    found = queue(parts.reopen())
    found.replace(20, A, "us", Item("second"))
    parts.store.commit()
    assert [(20, "second")] == pop(queue(parts.reopen()), us=99)
