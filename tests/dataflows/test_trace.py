"""What a record was sent under goes to everything that it causes, and decides nothing."""

import json

import msgspec
import pytest

from dataflows.exception_desk import Coordinates
from schemas.decode import decode
from schemas.exceptions import ExceptionRecord
from schemas.topics import EXCEPTIONS
from state import keys

FIRST, SECOND, THIRD = (f"00-{digit * 32}-{digit * 16}-01" for digit in "123")
SIGNED = f"correlation_id=order-1 traceparent={FIRST}"


def names(records):
    """Correlation id and trace of records, by kind or class, each once."""
    found = {(one.get("kind") or one.get("class"), one["correlation_id"], one["traceparent"]) for one in records}
    return sorted(found, key=str)


def exceptions(shard):
    return [json.loads(line) for line in shard.lines[EXCEPTIONS].values()]


def test_entries_and_recalculations_of_a_contract_name_the_version_that_decided_them(driven):
    shard = driven(
        f"""
        2025-01-01 contract price=2 fixed=a:365 {SIGNED}
        2025-01-02T10 usage n=5
        2025-02-01 clock

        2025-02-10 contract version=2 effective=2025-02-01 price=3 fixed=a:730 correlation_id=order-2 traceparent={SECOND}
        2025-02-11T10 usage n=5
        2025-03-01 clock
        """
    ).play()
    by_version = {
        (one["lineage"]["contract_version"], one["correlation_id"], one["traceparent"]) for one in shard.entries
    }
    assert {(1, "order-1", FIRST), (2, "order-2", SECOND)} == by_version
    told = [(one["to_version"], one["correlation_id"], one["traceparent"]) for one in shard.recalculations]
    assert [(1, "order-1", FIRST), (2, "order-2", SECOND)] == told


def test_an_entry_of_a_billing_event_names_the_event_and_what_it_leaves_open_the_contract(driven):
    shard = driven(
        f"""
        2025-01-01 contract fixed=a:365 {SIGNED}
        2025-01-05 bill net=a:100 invoice=i1 k=k correlation_id=bill-1 traceparent={SECOND}
        2025-01-06 bill net=a:100 invoice=i2 k=k traceparent={THIRD}
        2025-01-07 bill net=a:100 invoice=i3 k=k
        2025-02-01 clock
        """
    ).play()
    billed = {one["accounting_date"]: one for one in shard.entries if one["kind"] == "billing"}
    assert ("bill-1", SECOND) == (billed["2025-01-05"]["correlation_id"], billed["2025-01-05"]["traceparent"])
    assert ("order-1", THIRD) == (billed["2025-01-06"]["correlation_id"], billed["2025-01-06"]["traceparent"])
    assert ("order-1", FIRST) == (billed["2025-01-07"]["correlation_id"], billed["2025-01-07"]["traceparent"])
    recognised = [one for one in shard.entries if one["kind"] == "recognition"]
    assert [("recognition", "order-1", FIRST)] == names(recognised)


def test_a_recalculation_names_the_credit_or_the_policy_that_caused_it(driven):
    story = f"""
        2025-01-01 contract fixed=a:100 end=2025-04-01 {SIGNED}
        2025-01-05 bill net=a:100 invoice=i1 k=k
        2025-03-01 clock

        2025-01-20 bill kind=credit_note note=n1 invoice=i1 k=k net=a:80 correlation_id=credit-1 traceparent={SECOND}
        2025-03-01 clock

        2025-03-02 policy key=residual value=last_full_period effective_from=2025-01-01 traceparent={THIRD}
        """
    told = driven(story, following=True).play().recalculations
    expected = [("order-1", FIRST), ("credit-1", SECOND), ("order-1", THIRD)]
    assert expected == [(one["correlation_id"], one["traceparent"]) for one in told]
    assert ["amendment", "policy"] == [told[0]["cause"], told[-1]["cause"]]


def test_a_product_that_comes_late_names_itself_in_what_it_moves(driven):
    shard = driven(
        f"""
        2025-01-01 reference kind=product id=a default_method=daily
        2025-01-01 contract fixed=a:365,b:365 {SIGNED}
        2025-03-01 clock

        2025-03-02 reference kind=product id=a ssp=900 correlation_id=list-2 traceparent={SECOND} timed=yes
        2025-03-03 clock
        """
    ).play()
    rated = [one for one in shard.recalculations if one["cause"] == "re_rating"]
    assert [("list-2", SECOND)] == [(one["correlation_id"], one["traceparent"]) for one in rated]


@pytest.mark.parametrize(
    ("step", "cls"),
    [
        ("contract version=3 price=2", "version_gap"),
        ("contract price=3", "version_conflict"),
        ("bill k=unknown net=a:1", "contract_unknown"),
        ("bill k=k net=a:1 currency=EUR", "currency_mismatch"),
        ("bill k=k kind=paid invoice=none amount=1", "invoice_unknown"),
        ("reference kind=product id=a ssp=1 timed=no", "reference_conflict"),
        ("policy key=recognise value=never", "invalid"),
        ("close entity=us period=2025-13", "invalid"),
        ("bill k=k net=a:x amount=1", "invalid"),
        ("contract kind=strange price=2 version=9", "invalid"),
    ],
)
def test_an_exception_names_what_its_record_was_sent_under(driven, step, cls):
    shard = driven(
        f"""
        2025-01-01 reference kind=product id=p
        2025-01-01 reference kind=product id=a timed=no
        2025-01-01 contract price=2
        2025-01-02 {step} correlation_id=odd traceparent={SECOND}
        2025-03-01 clock
        """
    ).play()
    assert (cls, "odd", SECOND) in names(exceptions(shard))


def test_an_exception_about_a_line_names_the_contract(driven):
    shard = driven(
        f"""
        2025-01-01 reference kind=entity id=us functional_currency=EUR
        2025-01-01 contract tiers=3:2 fixed=a:365 {SIGNED}
        2025-01-02T10 usage n=5
        2025-03-01 clock
        """
    ).play()
    assert {("order-1", FIRST)} == {tuple(under) for _, *under in names(exceptions(shard))}
    assert {"fx_rate_missing", "rate_not_covering"} == {cls for cls, *_ in names(exceptions(shard))}


DELIVERY = """
        2025-01-01 reference event=r kind=account name=revenue number=4000 timed=no {0}
        2025-01-01 contract event=c price=2 fixed=a:365 {0}
        2025-01-02T10 usage event=u n=5
        2025-01-05 bill event=b net=a:100 invoice=i1 k=k {0}
        {1} clock
"""


def test_what_is_delivered_again_under_other_names_is_the_same_and_the_first_names_stay(driven):
    once = DELIVERY.format(SIGNED, "2025-02-01")
    again = DELIVERY.format(f"correlation_id=again traceparent={SECOND}", "2025-03-01")
    shard = driven(f"{once}\n{again}").play()
    assert [] == shard.exceptions
    assert {("order-1", FIRST)} == {(one["correlation_id"], one["traceparent"]) for one in shard.entries}
    assert driven(f"{once}\n2025-03-01 clock").play().journal == shard.journal


def test_names_change_no_amount_and_no_id(driven):
    traced, silent = (driven(DELIVERY.format(names, "2025-02-01")).play() for names in (SIGNED, ""))
    assert silent.journal == traced.journal
    assert [one["entry_id"] for one in silent.entries] == [one["entry_id"] for one in traced.entries]
    assert {(None, None)} == {(one["correlation_id"], one["traceparent"]) for one in silent.entries}


def test_names_outlive_a_restart(driven):
    shard = driven(f"2025-01-01 contract price=2 {SIGNED}\n\n2025-01-02T10 usage n=5\n2025-02-01 clock")
    shard.play(0, 1)
    shard.reopen().play()
    assert [("usage", "order-1", FIRST)] == names(shard.entries)


def test_an_exception_that_was_opened_by_an_earlier_version_is_resolved_as_it_was(parts):
    at = Coordinates("contracts.events", 0, 3)
    name = parts.desk.raise_one("version_gap", at, "r", b"", since=0, resolvable=True)
    [opened] = parts.said()
    del opened["traceparent"], opened["shard"], opened["sequence"]
    parts.store.put(keys.OPEN + name.encode(), msgspec.json.encode(opened))
    assert parts.desk.resolve("version_gap", at, "it came")
    [item] = parts.outbox.take()
    resolved = decode(EXCEPTIONS, item.lines[0])
    assert isinstance(resolved, ExceptionRecord)
    assert ("resolved", None) == (resolved.status, resolved.traceparent)
