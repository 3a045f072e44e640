"""The file source: phases known ahead, resumption where it was left, and what is refused at the start."""

import json
from datetime import timedelta

import pytest

from connectors.batch import ENDED
from connectors.errors import SourceUnusable
from connectors.files.plan import plan
from connectors.follow import Follow
from connectors.source import TICK_US, TopicSource
from connectors.usage_rows import Lateness
from state.records import Applied
from tests.support.billing import billing
from tests.support.driven import HOUR_US, contract, usage

JAN = "2025-01-0{}T00:00:00Z"


@pytest.fixture
def topics(tmp_path):
    """Writes topic files."""

    def write(**files):
        for name, records in files.items():
            path = tmp_path / f"{name.replace('_', '.')}.jsonl"
            path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in records))
        return tmp_path

    return write


def source(root, starts=None, batch_rows=100):
    """The source over a directory."""
    return TopicSource(plan(root), starts or {}, batch_rows, Lateness(HOUR_US, 35 * 24 * HOUR_US))


def days(*numbers):
    """Usage at midnight of these days of January."""
    return [usage(JAN.format(number), f"e{index}", n="1") for index, number in enumerate(numbers)]


def clock(day):
    """A clock record."""
    return {"kind": "clock", "as_of": JAN.format(day)}


def sent(made, names):
    """What the partitions send when they are asked in turn: (partition, start, end, phase)."""
    parts = {name: made.build_part("read_the_topics", name, None) for name in names}
    found = []
    while parts:
        for name, part in list(parts.items()):
            try:
                found += [(name[:5], batch.start, batch.end, batch.phase) for batch in part.next_batch()]
            except StopIteration:
                part.close()
                del parts[name]
    return found


def test_every_file_is_a_partition_and_control_always_is_one(topics):
    root = topics(usage_events=days(1), contracts_events=[])
    assert ["control.events/0", "contracts.events/0", "usage.events/0"] == source(root).list_parts()


def test_contracts_go_before_usage_and_each_phase_is_announced(topics):
    root = topics(
        usage_events=days(1, 3),
        contracts_events=[
            contract(JAN.format(1), "k1", price="2"),
            contract(JAN.format(3), "k2", price="3", version="2"),
        ],
        control_events=[clock(2)],
    )  # fmt: skip
    expected = [
        ("usage", 0, 0, 0), ("contr", 0, 0, 0),
        ("contr", 0, 1, 0),
        ("usage", 0, 1, 0), ("contr", 1, 1, 1),
        ("usage", 1, 1, 1), ("contr", 1, 2, 1),
        ("contr", 2, 2, ENDED),
        ("usage", 1, 2, 1),
        ("usage", 2, 2, ENDED),
    ]  # fmt: skip
    assert expected == sent(source(root), ["usage.events/0", "contracts.events/0"])


def test_billing_goes_after_contracts_and_before_usage_of_its_phase(topics):
    root = topics(
        usage_events=days(1),
        billing_events=[billing(JAN.format(1), "b1"), {"kind": "invoice_paid"}, billing(JAN.format(3), "b2")],
        contracts_events=[contract(JAN.format(1), "k1", price="2")],
        control_events=[clock(2)],
    )
    made = source(root)
    assert {"usage.events/0", "billing.events/0", "contracts.events/0", "control.events/0"} == set(made.list_parts())
    found = sent(made, ["usage.events/0", "billing.events/0", "contracts.events/0"])
    assert ["contr", "billi", "usage", "billi"] == [name for name, start, end, _ in found if start < end]
    assert [(0, 2, 0), (2, 3, 1)] == [one[1:] for one in found if one[0] == "billi" and one[1] < one[2]]


def test_a_billing_line_that_does_not_read_keeps_its_place_among_the_events(topics):
    root = topics(billing_events=[billing(JAN.format(1), "b1"), {"kind": "invoice_paid"}])
    part = source(root).build_part("read_the_topics", "billing.events/0", None)
    [batch] = [one for _ in range(2) for one in part.next_batch() if one.records or one.rejected]
    part.close()
    assert [(0, "b1")] == [(one.offset, one.model.event_id) for one in batch.records]
    assert [(1, "invalid")] == [(one.offset, one.cls) for one in batch.rejected]


def test_control_records_come_one_by_one_between_a_greeting_and_the_end(topics):
    root = topics(control_events=[clock(2), clock(4)])
    expected = [("contr", 0, 0, 0), ("contr", 0, 1, 0), ("contr", 1, 2, 1), ("contr", 2, 2, ENDED)]
    assert expected == sent(source(root), ["control.events/0"])


def test_reading_resumes_at_the_applied_position_with_its_newest_event_time(topics):
    root = topics(usage_events=days(1, 3, 2), control_events=[clock(2)])
    made = source(root, {"usage.events/0": Applied(2, 1_735_862_400_000_000, 1)})
    assert [("usage", 2, 2, 1), ("usage", 2, 3, 1), ("usage", 3, 3, ENDED)] == sent(made, ["usage.events/0"])


def test_batches_have_at_most_the_rows_that_are_set(topics):
    batches = sent(source(topics(usage_events=days(1, 1, 1, 1, 1)), batch_rows=2), ["usage.events/0"])
    assert [0, 2, 2, 1, 0] == [end - start for _, start, end, _ in batches]


@pytest.mark.parametrize("applied", [0, 2])
def test_the_progress_of_a_run_ends_at_all_of_the_bytes(topics, applied):
    made = source(topics(usage_events=days(1, 2, 3)), {"usage.events/0": Applied(applied, None, 0)})
    sent(made, ["usage.events/0"])
    assert made.progress.total == made.progress.read
    assert 3 - applied == made.progress.rows_read


def test_a_second_control_partition_is_refused(tmp_path):
    (tmp_path / "control.events").mkdir()
    for number in (0, 1):
        (tmp_path / "control.events" / f"{number}.jsonl").touch()
    with pytest.raises(SourceUnusable, match=r"control\.events has one partition"):
        plan(tmp_path)


def test_a_partition_that_has_gone_is_refused(topics):
    with pytest.raises(SourceUnusable, match=r"usage\.events/1 is not in the source any more"):
        source(topics(usage_events=days(1)), {"usage.events/1": Applied(3, None, 0)})


def test_a_control_topic_that_was_cut_is_refused(topics):
    with pytest.raises(SourceUnusable, match="has 1 lines, but 2 were applied already"):
        source(topics(control_events=[clock(2)]), {"control.events/0": Applied(2, None, 2)})


def test_a_file_that_was_cut_is_refused(topics):
    made = source(topics(usage_events=days(1)), {"usage.events/0": Applied(2, None, 0)})
    with pytest.raises(SourceUnusable, match="has 1 lines, but 2 were applied already"):
        made.build_part("read_the_topics", "usage.events/0", None)


def test_a_service_sends_whole_batches_at_once_and_lets_others_gather_until_the_next_tick(topics):
    root = topics(usage_events=days(1, 1, 1, 1, 1))
    made = TopicSource(plan(root, Follow(timedelta(seconds=1))), {}, 2, Lateness(HOUR_US, 35 * 24 * HOUR_US))
    part = made.build_part("read_the_topics", "usage.events/0", None)
    waits = []
    while len(waits) < 3:
        rows = sum(batch.rows.height for batch in part.next_batch() if batch.rows is not None)
        waits += [(rows, part.next_awake())] * (rows > 0)
    part.close()
    assert [(2, None), (2, None)] == waits[:2]
    [(rows, moment)] = waits[2:]
    assert (1, 0) == (rows, moment.microsecond % TICK_US)
