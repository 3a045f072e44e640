"""`accrual show entry`: an entry in full, its revisions, and the very records of the source it was booked from."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from ops.show.lineage_page import show_entry
from tests.ops.test_show import Record, Sink, entry, exception, postings
from tests.support.containers import as_avro, container
from tests.support.process import Ended, here
from tests.support.world import World, line, usage

LINEAGE = {"contract_version": 1, "policy_version": 3, "rule": "daily", "event_count": 0, "event_digest": None}


@pytest.fixture
def sink(tmp_path: Path) -> Sink:
    return Sink(tmp_path / "out")


def words(world: World, name: str, *more: str) -> list[str]:
    return ["show", "entry", name, "--sink", f"files:{world.sink}", "--source", f"files:{world.source}", *more]


def shown(world: World, name: str, *more: str, **settings: str) -> Ended:
    return here(*words(world, name, *more), cwd=world.root, **settings)


def found(world: World, name: str, *more: str, **settings: str) -> Record:
    ended = shown(world, name, "--json", *more, **settings)
    assert (0, "") == (ended.code, ended.said)
    result: Record = json.loads(ended.printed)
    return result


def of_day(world: World, day: int, revision: int = 1) -> str:
    """The id of the entry of one day's window of meter m."""
    start = f"2025-01-{day:02d}T00:00:00Z"
    (name,) = (
        one["entry_id"]
        for one in world.records("revenue.journal")
        if one["customer_id"] == "c"
        and (one["window"]["meter"], one["window"]["start"], one["window"]["revision"]) == ("m", start, revision)
    )
    return str(name)


def places(record: Record) -> list[str]:
    return [f"{one['partition']}@{one['offset']} {one['event_id']} {one['quantity']}" for one in record["events"]]


def check(record: Record) -> tuple[int, int, bool, bool]:
    told = record["check"]
    return told["event_count"], told["found"], told["count_equals"], told["verified"]


def messy(world: World) -> World:
    """Day 3 of customer c: 5 events counted, among others' rows, repetitions, conflicts and what cannot be booked."""
    world.contract(line("l", "m"), line("n", "other")).contract(contract_id="k-3", customer_id="z", event_id="z")
    world.send(
        usage("a", 3),
        usage("a", 3, customer_id="z", contract_id=None),
        usage("before", 2, event_time="2025-01-02T23:59:59.999999Z"),
        usage("b", 3, contract_id=None, quantity="0.5"),
        usage("x", 3, customer_id="stranger"),
        usage("a", 3),
        usage("b", 3, contract_id=None, quantity="7"),
        usage("m", 3, meter="other"),
        b"not a record",
        usage("c", 3, contract_id=None, quantity="-1", event_time="2025-01-03T00:00:00Z"),
        usage("k", 3, contract_id="k-2"),
        usage("a", 3, source="elsewhere", event_time="2025-01-03T23:59:59.999999Z"),
        usage("after", 4, event_time="2025-01-04T00:00:00Z"),
        usage("a", 3),
        usage("d", 3),  # the positions from the first one to this one are one range: all the others lie in it
    )
    return world


def test_every_record_that_was_counted_is_listed_and_verified(world: World) -> None:
    messy(world).booked_right()
    record = found(world, of_day(world, 3))
    unit = ".000000000000000000"
    assert [
        "0@0 a 3" + unit,
        "0@3 b 0.5" + unit[2:],
        "0@9 c -1" + unit,
        "0@11 a 3" + unit,
        "0@14 d 3" + unit,
    ] == places(record)
    assert [(0, 15)] == [(one["from_offset"], one["to_offset"]) for one in record["entry"]["lineage"]["sources"]]
    assert 2 == record["check"]["later_occurrences"]
    assert (5, 5, True, True) == check(record)
    assert {
        "topic": "usage.events",
        "source": "elsewhere",
        "contract_id": "k",
        "event_time": "2025-01-03T23:59:59.999999Z",
    } == {name: record["events"][3][name] for name in ("topic", "source", "contract_id", "event_time")}


def test_the_page_says_all_of_it(world: World) -> None:
    messy(world).booked_right()
    name = of_day(world, 3)
    ended = shown(world, name[:10])
    text = " ".join(ended.printed.split())
    for expected in (
        f"entry {name}",
        "posted 2025-01-03 in 2025-01; sequence",
        "contract / line k / l",
        "window m, 2025-01-03 to 2025-01-04, revision 1",
        "contract version 1, activated, known 2025-01-01, effective 2025-01-01 l (usage): 2 per m, billed by month",
        "unbilled_receivable 17.00 17.00 p-m",
        "revenue 17.00 17.00 p-m",
        f"1 * {name[:12]} 2025-01-03",
        "usage.events/0 @ 3 2025-01-03T10:00:00Z test b - 0.50",
        "usage.events/0 @ 11 2025-01-03T23:59:59.999999Z elsewhere a k 3",
        "5 records 8.50",
        "2 later occurrences of an identity are not listed: each counts once",
        "records are held back by an open exception and not counted",
        "✓ event_count 5 = records in the source that belong",
        ": verified",
    ):
        assert expected in text
    assert 0 == ended.code
    assert 120 >= max(map(len, ended.printed.splitlines()))


def test_without_a_source_the_page_says_how_to_see_the_records(world: World) -> None:
    world.days().run()
    ended = here("show", "entry", of_day(world, 3), "--sink", f"files:{world.sink}", cwd=world.root)
    assert (0, True) == (ended.code, "--source files:DIR, what the run has read, shows these records" in ended.printed)
    assert "verified" not in ended.printed


def test_the_json_holds_the_entry_as_it_is_stored(world: World) -> None:
    world.days().run()
    name = of_day(world, 3)
    (stored,) = (one for one in world.records("revenue.journal") if one["entry_id"] == name)
    record = found(world, name)
    assert stored == record["entry"]
    assert (1, "l") == (record["contract_version"]["version"], record["contract_version"]["lines"][0]["line_id"])


def test_limit_cuts_the_list_and_not_the_check(world: World) -> None:
    world.contract().send(*(usage(f"u{number}", 3) for number in range(50))).run()
    name = of_day(world, 3)
    text = shown(world, name).printed
    assert "40 of 50 records shown; --limit 0 shows all." in text
    assert ("u49" in text, "u49" in shown(world, name, "--limit", "0").printed) == (False, True)
    assert 50 == len(found(world, name)["events"])
    record = found(world, name, "--limit", "2")
    assert (2, (50, 50, True, True)) == (len(record["events"]), check(record))


def test_revisions_of_a_window_are_listed_with_the_running_total(world: World) -> None:
    world.days().booked_right(as_of="2025-01-05T00:00:00Z")
    world.send(usage("late", 3, quantity="4")).booked_right()
    world.scenario.close("2025-01", "2025-02-01T00:00:00Z")
    world.send(usage("february", 3, event_time="2025-02-03T00:00:00Z"), usage("later", 3, quantity="1"))
    world.booked_right(as_of="2025-03-01T00:00:00Z")
    name = of_day(world, 3, revision=2)
    revisions = found(world, name)["revisions"]
    assert [(1, "2025-01", None), (2, "2025-01", None), (3, "2025-02", "2025-01")] == [
        (one["revision"], one["period"], one["origin_period"]) for one in revisions
    ]
    totals = ["6.00", "14.00", "16.00"]
    assert [{"unbilled_receivable": total, "revenue": f"-{total}"} for total in totals] == [
        one["after"] for one in revisions
    ]
    text = " ".join(shown(world, name).printed.split())
    assert (
        f"2 * {name[:12]} 2025-01-03 unbilled_receivable 8.00 Dr unbilled_receivable 14.00 Dr revenue 8.00 Cr revenue 14.00 Cr"
        in text
    )
    assert f"3 {of_day(world, 3, revision=3)[:12]} 2025-02-01 for 2025-01" in text
    for number, count in ((1, 1), (2, 2), (3, 3)):
        assert (count, count, True, True) == check(found(world, of_day(world, 3, revision=number)))


def test_a_record_that_was_counted_only_later_is_named(world: World) -> None:
    """Its contract was ambiguous at first; the rows before and behind it are counted in one range."""
    rival = {"contract_id": "k2", "event_id": "r", "kind": "activated"}
    world.contract().contract(line("l2", "m"), **rival)
    world.send(usage("a", 3), usage("free", 3, contract_id=None), usage("b", 3)).booked_right()
    record = found(world, of_day(world, 3))
    assert ((2, 2, True, True), 1) == (check(record), record["check"]["held_back"])
    world.contract(line("l2", "other"), version=2, **{**rival, "event_id": "r2", "kind": "amended"})
    world.booked_right()
    record = found(world, of_day(world, 3))
    assert (2, 3, False, False) == check(record)
    assert ("free", 1) == (record["check"]["not_counted"]["event_id"], record["check"]["not_counted"]["offset"])
    text = " ".join(shown(world, of_day(world, 3)).printed.split())
    assert "✓ event_count 2, but 3 records in the source belong: 1 more" in text
    assert "verified without free at usage.events/0 @ 1, which was not counted when this revision was booked" in text
    assert (3, 3, True, True) == check(found(world, of_day(world, 3, revision=2)))


def as_gzip(path: Path) -> None:
    (path.parent / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def as_zstd(path: Path) -> None:
    (path.parent / f"{path.name}.zst").write_bytes(zstandard.compress(path.read_bytes()))
    path.unlink()


def as_container(path: Path) -> None:
    records = [as_avro("usage.events", json.loads(one)) for one in path.read_bytes().splitlines()]
    container(path.with_suffix(".avro"), "usage.events", records)
    path.unlink()


def as_parts(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.unlink()
    folder = path.with_suffix("")
    folder.mkdir()
    for number in range(0, len(lines), 2):
        (folder / f"{number:03d}.jsonl").write_bytes(b"".join(lines[number : number + 2]))


@pytest.mark.parametrize("form", [as_gzip, as_zstd, as_container, as_parts])
def test_the_source_may_have_any_form_a_run_reads(world: World, form: Any) -> None:
    world.contract().send(*(usage(f"u{number}", 1 + number % 4) for number in range(11)))
    world.send(*(usage(f"v{number}", 3) for number in range(3)), partition=1)
    form(world.source / "usage.events" / "0.jsonl")
    world.run()
    record = found(world, of_day(world, 3))
    given = ["0@2 u2", "0@6 u6", "0@10 u10", "1@0 v0", "1@1 v1", "1@2 v2"]
    assert given == [one.rpartition(" ")[0] for one in places(record)]
    assert (6, 6, True, True) == check(record)


def test_meters_of_cloudevents_are_read_by_the_settings(world: World) -> None:
    event = {"specversion": "1.0", "id": "ce", "source": "test", "type": "com.m", "subject": "c",
             "time": "2025-01-03T10:00:00Z", "data": {"quantity": "3"}}  # fmt: skip
    world.contract().send(event, usage("u", 3))
    settings = {"ACCRUAL_CLOUDEVENT_METERS": '{"com.m": "m"}'}
    world.run(**settings)
    assert (2, 2, True, True) == check(found(world, of_day(world, 3), **settings))
    ended = shown(world, of_day(world, 3), "--json")
    assert (1, (2, 1, False, False)) == (ended.code, check(json.loads(ended.printed)))
    ended = shown(world, of_day(world, 3), ACCRUAL_CLOUDEVENT_METERS="{}", ACCRUAL_SHARDS="none")
    assert (2, True) == (ended.code, "setting shards" in ended.said)


def test_a_source_that_was_changed_does_not_match(world: World) -> None:
    world.days().run()
    name = of_day(world, 3)
    path = world.source / "usage.events" / "0.jsonl"
    text = path.read_text()
    path.write_text(text.replace('"u3"', '"forged"'))
    ended = shown(world, name)
    assert (1, True) == (ended.code, "does not match, these records give" in ended.printed)
    assert "✓ event_count 1 = records in the source that belong" in ended.printed
    path.write_text(text.replace("2025-01-03T", "2025-01-07T"))
    ended = shown(world, name)
    assert (1, True) == (ended.code, "✗ event_count 1, but 0 records in the source belong: 1 fewer" in ended.printed)


def test_a_source_that_lacks_the_positions_is_not_the_one_that_was_read(world: World) -> None:
    world.days().run()
    name, path = of_day(world, 9), world.source / "usage.events" / "0.jsonl"
    kept = path.read_bytes().splitlines(keepends=True)
    for count, told in ((8, "usage.events/0 ends before offset 9"), (3, "usage.events/0 ends before offset 8")):
        path.write_bytes(b"".join(kept[:count]))
        ended = shown(world, name)
        assert (2, "", True) == (ended.code, ended.printed, ended.said.startswith(told))
        assert "--source is not what the run has read" in ended.said
    path.unlink()
    assert (2, True) == ((ended := shown(world, name)).code, "usage.events/0 is not in" in ended.said)


def test_an_entry_of_a_contract_is_shown_with_the_version_it_comes_from(world: World) -> None:
    """Recognition is booked by the contract alone; the entry is written by hand."""
    seats = {"line_id": "seats", "kind": "ratable", "total": "365.00"}
    others = {"contract_id": "k-9", "customer_id": "z"}
    world.contract(seats).contract(seats, **others).contract({**seats, "total": "400.00"}, version=2)
    sources = [{"topic": "contracts.events", "partition": 0, "from_offset": 0, "to_offset": 3}]
    sink = Sink(world.sink)
    posted = entry(1, kind="recognition", customer_id="c", contract_id="k", line_id="seats", window=None,
                   lines=postings("deferred_revenue", "revenue", "31.00"),
                   lineage={**LINEAGE, "contract_version": 2, "sources": sources})  # fmt: skip
    more = {
        **posted,
        "entry_id": "entry-2",
        "sequence": 2,
        "lines": postings("deferred_revenue", "revenue", "1.00"),
    }
    sink.write("revenue.journal", posted, more, {**more, "entry_id": "entry-3", "period": "2024-10"})
    record = found(world, "entry-1")
    assert [(0, 1), (2, 2)] == [(one["source"]["offset"], one["record"]["version"]) for one in record["records"]]
    assert (None, None) == (record["events"], record["check"])
    assert ["entry-1", "entry-2"] == [one["entry_id"] for one in record["revisions"]]
    assert {"deferred_revenue": "32.00", "revenue": "-32.00"} == record["revisions"][1]["after"]
    text = " ".join(shown(world, "entry-1").printed.split())
    for expected in (
        "policy version 3",
        "contract version 2, amended, known 2025-01-01, effective 2025-01-01 seats (ratable): total 400.00",
        "Entries of this line and period",
        "contracts.events/0 @ 0 contract k version 1, activated",
        "contracts.events/0 @ 2 contract k version 2, amended, known 2025-01-01, effective 2025-01-01 "
        "seats: total 365.00 → 400.00",
    ):
        assert expected in text
    assert "k-9" not in text


def test_records_of_other_topics_are_told_by_their_fields(world: World) -> None:
    invoice = {"event_id": "b", "source": "stripe", "event_time": "2025-01-03T00:00:00Z", "kind": "invoice_finalized",
               "invoice_id": "in-1", "customer_id": "c", "currency": "USD", "amount": "120.00"}  # fmt: skip
    world.scenario.write("billing.events", {**invoice, "customer_id": "z"}, invoice, b"[]")
    sources = [{"topic": "billing.events", "partition": 0, "from_offset": 0, "to_offset": 3},
               {"topic": "a.topic.of.tomorrow", "partition": 0, "from_offset": 0, "to_offset": 1}]  # fmt: skip
    sink = Sink(world.sink)
    sink.write("revenue.journal", entry(1, kind="billing", customer_id="c", lineage={**LINEAGE, "sources": sources}))
    text = " ".join(shown(world, "entry-1").printed.split())
    assert "billing.events/0 @ 1 event_id b, source stripe" in text
    assert "amount 120.00" in text
    assert "billing.events/0 @ 2 undecodable" not in text
    assert "customer_id z" not in text
    assert ["in-1"] == [one["record"]["invoice_id"] for one in found(world, "entry-1")["records"]]


def test_an_entry_without_lineage_is_shown_all_the_same(world: World) -> None:
    traced = {"correlation_id": "corr-7", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    Sink(world.sink).write("revenue.journal", entry(1, origin_period="2024-08", **traced))
    ended = shown(world, "entry-1")
    assert (0, True) == (ended.code, "The lineage names no position of a topic" in ended.printed)
    assert "2024-09-01 in 2024-09, an effect of 2024-08, which was closed" in ended.printed
    assert all(name in ended.printed for name in traced.values())


def test_an_entry_without_a_digest_is_held_against_its_count(world: World) -> None:
    world.contract().send(usage("u", 3), usage("v", 3))
    window = {"meter": "m", "start": "2025-01-03T00:00:00Z", "end": "2025-01-04T00:00:00Z", "revision": 1}
    sources = [{"topic": "usage.events", "partition": 0, "from": 0, "to": 2}]
    for count, code in ((2, 0), (3, 1), (None, 0)):
        lineage = {"sources": sources, "events": count}
        of_k = {"customer_id": "c", "contract_id": "k", "window": window, "lineage": lineage}
        Sink(world.sink).write("revenue.journal", entry(1, **of_k))
        ended = shown(world, "entry-1")
        assert (code, True) == (ended.code, "The entry carries no event_digest: nothing to verify." in ended.printed)


def look(sink: Sink, name: str, **options: Any) -> tuple[int, str, str]:
    return sink.show(lambda uri, **rest: show_entry(name, uri, **rest), **options)


def test_the_beginning_of_an_id_must_be_enough(sink: Sink) -> None:
    names = [f"ab{number:02d}" for number in range(1, 13)]
    sink.write("revenue.journal", *(entry(1, entry_id=name) for name in [*names, "ab0"]))
    code, text, message = look(sink, "ab")
    assert (2, "") == (code, text)
    assert f"more than one entry's id begins with 'ab': {', '.join(names[:8])} and more. Write more of it." in message
    for name in ("ab12", "ab0"):
        assert name == json.loads(look(sink, name, as_json=True)[1])["entry"]["entry_id"]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        (
            "zz",
            {},
            "no entry's id is 'zz' or begins with it; the journal in 'DIR' holds 1 entries: accrual show journal",
        ),
        ("ntry-1", {}, "no entry's id is 'ntry-1' or begins with it"),
        ("entry-1", {"source": "files:nowhere"}, "--source 'files:nowhere': the directory 'nowhere' does not exist."),
        ("entry-1", {"sink": "kafka://x"}, "--sink 'kafka://x' is not files:DIR"),
    ],
)
def test_wrong_usage_is_said(sink: Sink, name: str, options: Record, expected: str) -> None:
    sink.write("revenue.journal", entry(1))
    code, text, message = sink.show(lambda uri, **rest: show_entry(name, uri, **rest), **options)
    assert (2, "", True) == (code, text, message.replace(str(sink.directory), "DIR").startswith(expected))


def test_a_torn_journal_and_open_exceptions_do_not_stand_in_the_way(world: World) -> None:
    world.days().run()
    (path,) = (one for one in (world.sink / "revenue.journal").glob("*.jsonl") if one.stat().st_size)
    with path.open("ab") as file:
        file.write(b'{"entry_id": "torn')
    Sink(world.sink).write(
        "revenue.exceptions", exception(2, source=None), exception(3, source={"topic": "usage.events"})
    )
    assert (1, 1, True, True) == check(found(world, of_day_of(path)))


def of_day_of(path: Path) -> str:
    """The id of the first entry of a file."""
    return str(json.loads(path.read_bytes().splitlines()[0])["entry_id"])
