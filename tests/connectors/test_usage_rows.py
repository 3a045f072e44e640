"""What depends on a partition's prefix: the same for every way of cutting its lines into batches."""

import json
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.piece import Lines
from connectors.timeline import Timeline
from connectors.usage_rows import EARLIEST_US, LATEST_US, Lateness, usage_batches
from schemas.identity import fingerprint_of, id128_of
from schemas.instants import instant_text

MINUTE = 60_000_000
NOON = 1_735_732_800_000_000  # 2025-01-01T12:00:00Z
LATENESS = Lateness(allowed_us=60 * MINUTE, horizon_us=600 * MINUTE)


def line(minutes, event_id="e", **changes):
    """A usage line some minutes after noon."""
    record = {
        "event_id": event_id, "source": "s", "customer_id": "c", "meter": "m", "quantity": "1",
        "event_time": instant_text(NOON + minutes * MINUTE),
    }  # fmt: skip
    return json.dumps({**record, **changes}).encode()


def at(instant):
    """A usage line at an instant in microseconds."""
    return line(0, event_time=instant_text(instant))


def read(lines, cuts=(), controls=(), start=0, newest=None):
    """The batches of lines that are read in pieces, each beginning at one of `cuts`."""
    timeline = Timeline.of([NOON + minutes * MINUTE for minutes in controls])
    batches = []
    edges = [0, *sorted(cuts), len(lines)]
    for low, high in pairwise(edges):
        if low < high:
            batches += usage_batches(3, start + low, lines[low:high], newest, timeline, LATENESS)
            newest = batches[-1].newest
    return batches


def late(lines, **how):
    """Whether each row is late."""
    return pl.concat([batch.rows for batch in read(lines, **how)])["late"].to_list()


def refused(lines, **how):
    """Position and class of every rejected line."""
    return [(one.offset, one.cls) for batch in read(lines, **how) for one in batch.rejected]


def test_a_row_is_late_when_it_is_older_than_the_watermark_of_the_rows_before_it():
    assert [False, False, True, False] == late([line(60), line(0), line(-1), line(200)])


def test_the_first_row_of_a_partition_is_never_late():
    assert [False] == late([line(-100_000)])


def test_lateness_is_judged_by_the_newest_row_of_the_batches_before():
    assert [True, False] == late([line(-1), line(0)], newest=NOON + 60 * MINUTE)


def test_usage_older_than_its_watermark_by_more_than_the_horizon_is_too_late():
    lines = [line(660), line(0), line(-1), line(660)]
    assert [(2, "too_late")] == refused(lines)
    assert [0, 1, 3] == pl.concat([batch.rows for batch in read(lines)])["offset"].to_list()


def test_a_too_late_line_keeps_its_customer_and_its_bytes():
    [rejected] = read([line(700), line(-1, contract_id="k")])[0].rejected
    expected = (NOON - MINUTE, "c", "k", line(-1, contract_id="k"))
    assert expected == (
        rejected.event_time, rejected.customer_id, rejected.contract_id, rejected.payload,
    )  # fmt: skip


def test_event_times_outside_2000_to_2100_are_too_early_and_move_no_watermark():
    lines = [at(EARLIEST_US - 1), at(LATEST_US), line(0), line(1)]
    assert [(0, "too_early"), (1, "too_early")] == refused(lines)
    assert [False, False] == late(lines)
    assert NOON + MINUTE == read(lines)[-1].newest


@dataclass(frozen=True, slots=True)
class Stamped(Lines):
    """Lines of which it is known when they were written."""

    stamps: tuple[int, ...] = ()

    def written(self):
        return np.array(self.stamps, dtype=np.int64)


def test_an_event_time_more_than_a_day_after_its_message_was_written_is_too_early_and_moves_no_watermark():
    day = 24 * 60
    lines = [line(day + 1), line(day), at(LATEST_US), line(day + 1), line(day + 2, event_id="f")]
    piece = Stamped(lines, stamps=(NOON, NOON, NOON, -1, NOON))
    [batch] = usage_batches(3, 0, piece, None, Timeline.of([]), LATENESS)
    assert [(0, "too_early"), (2, "too_early"), (4, "too_early")] == [(one.offset, one.cls) for one in batch.rejected]
    assert "more than a day after the message was written" in batch.rejected[0].reason
    assert ([1, 3], NOON + (day + 1) * MINUTE) == (batch.rows["offset"].to_list(), batch.newest)


def test_the_first_and_the_last_allowed_event_time_are_usage():
    assert [] == refused([at(EARLIEST_US), at(LATEST_US - 1)])


def test_lines_that_cannot_be_read_are_rejected_with_their_position_and_bytes():
    [batch] = read([b"{", line(0), b'{"event_id": "e"}'], start=40)
    assert [(40, "undecodable", b"{"), (42, "invalid", b'{"event_id": "e"}')] == [
        (one.offset, one.cls, one.payload) for one in batch.rejected
    ]
    assert (40, 43, [41]) == (batch.start, batch.end, batch.rows["offset"].to_list())


def test_a_partition_without_a_valid_row_has_no_newest_event_time():
    [batch] = read([b"{", at(LATEST_US)])
    assert (None, 0, 2, 0) == (batch.newest, batch.start, batch.end, batch.phase)


def test_a_batch_is_cut_where_a_control_record_applies():
    lines = [line(0), line(10), line(11), line(5), line(31)]
    expected = [(0, 2, 0, NOON + 10 * MINUTE), (2, 4, 1, NOON + 11 * MINUTE), (4, 5, 3, NOON + 31 * MINUTE)]
    assert expected == [
        (batch.start, batch.end, batch.phase, batch.newest) for batch in read(lines, controls=(10, 20, 30))
    ]


def test_a_rejected_line_belongs_to_the_phase_of_the_row_before_it():
    batches = read([line(0), b"{", line(11), b"{"], controls=(10,))
    assert [(0, 0, 2, [1]), (1, 2, 4, [3])] == [
        (batch.phase, batch.start, batch.end, [one.offset for one in batch.rejected]) for batch in batches
    ]


def test_rows_carry_the_halves_of_identity_and_fingerprint():
    row = read([line(0, "e7", quantity="1.50")])[0].rows.row(0, named=True)
    expected = id128_of("c", "s", "e7"), fingerprint_of("c", None, "m", row["quantity"], NOON, "")
    assert expected == (row["high"] << 64 | row["low"], row["print_high"] << 64 | row["print_low"])


LINES = st.lists(
    st.one_of(
        st.integers(-800, 800).map(line),
        st.sampled_from([b"{", b"", b'{"event_id": "e"}', at(EARLIEST_US - 1), at(LATEST_US)]),
    ),
    max_size=14,
)
CUTS = st.sets(st.integers(1, 13))


def judged(batches):
    """Everything that is decided for each line: the row with its phase, or the refusal with its phase."""
    found = {}
    for batch in batches:
        for row in batch.rows.iter_rows(named=True):
            found[row["offset"]] = (batch.phase, {**row, "row": None})
        for one in batch.rejected:
            found[one.offset] = (batch.phase, one)
    return found


@settings(deadline=None, max_examples=60)
@given(lines=LINES, cuts=CUTS, controls=st.lists(st.integers(-800, 800), max_size=3))
def test_every_way_of_cutting_gives_the_same_rows_lateness_and_phases(lines, cuts, controls):
    whole = read(lines, controls=controls)
    parts = read(lines, cuts={cut for cut in cuts if cut < len(lines)}, controls=controls)
    assert judged(whole) == judged(parts)
    assert sorted(judged(parts)) == list(range(len(lines)))
    assert [batch.newest for batch in whole][-1:] == [batch.newest for batch in parts][-1:]


@settings(deadline=None, max_examples=60)
@given(lines=LINES, cuts=CUTS)
def test_batches_follow_one_another_without_a_gap(lines, cuts):
    batches = read(lines, cuts={cut for cut in cuts if cut < len(lines)}, controls=(0, 100))
    edges = [(batch.start, batch.end) for batch in batches]
    assert [end for _, end in edges[:-1]] == [start for start, _ in edges[1:]]
    assert sorted(batch.phase for batch in batches) == [batch.phase for batch in batches]
