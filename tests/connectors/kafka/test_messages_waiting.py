"""Messages whose schema is not there yet are left where they are; those before them are read."""

import pytest

from connectors.errors import RegistryUnreachable
from connectors.kafka.forms import Forms
from connectors.kafka.messages import ASKED_AT_ONCE, Messages
from schemas.fault import Fault
from schemas.topics import REFERENCE, TOPICS, USAGE
from tests.connectors.kafka.test_messages import CURRENT, message, usage


class Registry:
    """Knows one schema, waits for the answer about others, and counts."""

    def __init__(self, *waited: int):
        self.waited, self.asked = set(waited), []

    def schema(self, number):
        self.asked.append(number)
        if number in self.waited:
            raise RegistryUnreachable("later")
        return CURRENT if number == 1 else None


def numbered(number: int) -> bytes:
    return b"\x00" + number.to_bytes(4, "big") + message(1, usage("e"))[5:]


def test_all_before_the_first_one_that_has_to_wait_can_be_read():
    registry = Registry(8, 9)
    found = Messages([numbered(one) for one in (1, 1, 7, 9, 1, 8)], Forms(USAGE, registry), [3, 4, 5, 8, 9, 10])
    assert 3 == found.readable()
    first, rest = found.part(0, 3), found.part(3)
    columns = first.columns()
    assert ([0, 1], [2]) == (columns.rows["row"].to_list(), [row for row, _ in columns.faults])
    assert [8, 9, 10] == list(rest.offsets(0))
    registry.waited.clear()
    assert 3 == rest.readable()
    assert [0, 2] == [row for row, _ in rest.columns().faults]


def test_messages_without_a_schemas_number_wait_for_nobody():
    assert 3 == Messages([None, b"", b"{"], Forms(USAGE, Registry())).readable()


def test_a_number_that_nobody_knows_is_asked_for_once_in_a_piece_however_many_messages_name_it():
    registry = Registry()
    found = Messages([numbered(7)] * 20_000, Forms(USAGE, registry))
    assert 20_000 == found.readable()
    assert 20_000 == len(found.columns().faults)
    assert all(found.payload(row) == numbered(7) for row in range(0, 20_000, 1_000))
    assert [7] == registry.asked
    assert 1 == Messages([numbered(7)], Forms(USAGE, registry)).readable()  # the next piece asks again
    assert [7, 7] == registry.asked


def test_what_is_said_about_a_message_stays_so_while_it_is_judged():
    registry = Registry()
    found = Messages([b"\x00\x00\x00\x00\x07a"], Forms(REFERENCE, registry))
    assert 1 == found.readable()
    registry.schema = lambda number: TOPICS[REFERENCE].avsc()  # it is registered now
    (one,) = found.outcomes(REFERENCE)
    assert isinstance(one, Fault)
    assert "schema_unknown" == one.cls
    assert b"\x00\x00\x00\x00\x07a" == found.payload(0)


def test_many_unknown_numbers_are_asked_for_together_and_not_without_end():
    many = range(100, 100 + 3 * ASKED_AT_ONCE)
    registry = Registry(*many)
    assert 0 == Messages([numbered(one) for one in many], Forms(USAGE, registry)).readable()
    assert ASKED_AT_ONCE == len(registry.asked)


def test_judged_without_waiting_the_absence_of_an_answer_is_no_verdict():
    with pytest.raises(RegistryUnreachable):
        Messages([numbered(9)], Forms(USAGE, Registry(9))).columns()
