"""Open exceptions about lines: one for each line and class, resolved by class and line, and known after a restart."""

from dataflows.holds import Holds
from dataflows.posting_terms import Missing
from schemas.topics import CONTRACTS
from tests.dataflows.stores import place

UNMAPPED = Missing("product_unmapped", "product p has no master data: send a product record")
NO_RATE = Missing("fx_rate_missing", "entity us has no rate USD/EUR for that date: send an fx_rate record")


def hold(parts, holds, line="l", missing=UNMAPPED, offset=4, **more):
    holds.hold("c", "k", line, missing, place(offset, CONTRACTS), 0, **more)


def told(parts):
    return [(one["class"], one["status"]) for one in parts.said()]


def test_it_is_raised_once_whatever_lacks_it(parts):
    holds = Holds(parts.store, parts.desk)
    hold(parts, holds)
    hold(parts, holds, offset=5)
    (record,) = parts.said()
    assert ("product_unmapped", "error", "c", "k") == tuple(
        record[name] for name in ("class", "severity", "customer_id", "contract_id")
    )
    assert {"topic": CONTRACTS, "partition": 0, "offset": 4} == record["source"]
    assert (
        "line l of contract k: product p has no master data: send a product record; it is kept and booked then"
        == (record["reason"])
    )


def test_a_warning_says_that_it_is_booked(parts):
    hold(parts, Holds(parts.store, parts.desk), severity="warning")
    (record,) = parts.said()
    assert ("warning", True) == (record["severity"], record["reason"].endswith("booked under the default names"))


def test_what_is_about_the_whole_contract_names_no_line(parts):
    hold(parts, Holds(parts.store, parts.desk), line="")
    assert parts.said()[0]["reason"].startswith("contract k: ")


def test_lines_and_classes_are_told_apart(parts):
    holds = Holds(parts.store, parts.desk)
    for line in ("l", "m"):
        for missing in (UNMAPPED, NO_RATE):
            hold(parts, holds, line, missing)
    assert 4 == len({one["exception_id"] for one in parts.said()})
    holds.settle("c", "k", "l", {"fx_rate_missing"})
    assert [("product_unmapped", "resolved")] == told(parts)
    assert (True, True) == (holds.is_held("c", "k", "l"), holds.is_held("c", "k", "m"))
    holds.settle("c", "k", "l", set())
    assert [("fx_rate_missing", "resolved")] == told(parts)
    assert (False, True) == (holds.is_held("c", "k", "l"), holds.is_held("c", "k", "m"))


def test_what_is_not_held_resolves_nothing(parts):
    holds = Holds(parts.store, parts.desk)
    hold(parts, holds)
    parts.said()
    for name in (("d", "k", "l"), ("c", "j", "l"), ("c", "k", "m")):
        assert not holds.is_held(*name)
        holds.settle(*name, set())
    assert [] == parts.said()


def test_it_is_known_after_a_restart_and_raised_again_only_once_it_was_resolved(parts):
    hold(parts, Holds(parts.store, parts.desk))
    parts.store.commit()
    parts.reopen()
    holds = Holds(parts.store, parts.desk)
    hold(parts, holds)
    assert ([], True) == (parts.said(), holds.is_held("c", "k", "l"))
    holds.settle("c", "k", "l", set())
    assert [("product_unmapped", "resolved")] == told(parts)
    parts.store.commit()
    parts.reopen()
    again = Holds(parts.store, parts.desk)
    assert not again.is_held("c", "k", "l")
    hold(parts, again)
    assert [("product_unmapped", "open")] == told(parts)
