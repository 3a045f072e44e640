"""Lines that a run has noted, as a replay cuts its input by them."""

import numpy as np

from connectors.batch import ENDED, Batch
from connectors.held_line import BEYOND, Lines

TWO = Lines({0: [{"usage.events/0": 10}, {"usage.events/0": 30}], 1: [{"usage.events/0": 12}, {"usage.events/0": 30}]})
POSITIONS = [0, 1, 2, 3]


def rows(start, phase=0, source=0):
    """A batch that begins there."""
    return Batch("usage.events", source, start, start + 1, None, phase)


def test_the_input_is_cut_wherever_a_shard_has_a_line():
    offsets = np.arange(40)
    labels = TWO.timeline([5, 6], {}).phases(np.full(40, 0), "usage.events/0", offsets)
    assert [10, 12, 30] == (np.flatnonzero(np.diff(labels)) + 1).tolist()


def test_each_shard_has_its_own_phase_of_a_row():
    first, second = TWO.of(0, POSITIONS), TWO.of(1, POSITIONS)
    assert [0, 1, 1, 2] == [first.phase(rows(at)) for at in (9, 10, 29, 30)]
    assert [0, 0, 1, 2] == [second.phase(rows(at)) for at in (9, 11, 12, 30)]
    assert ENDED == first.phase(rows(40, ENDED))


def test_a_partition_that_no_line_names_is_younger_than_all_of_them():
    assert 2 == TWO.of(0, POSITIONS).phase(rows(0, source=7))


def test_behind_the_last_line_control_records_go_by_their_own_times():
    timeline = TWO.timeline([5, 6, 7], {})
    line = TWO.of(0, POSITIONS)
    before, after = timeline.phases(np.array([7, 8]), "usage.events/0", np.array([50, 51])).tolist()
    assert [2, 3] == [line.phase(rows(50, before)), line.phase(rows(51, after))]


def test_records_before_the_first_line_go_by_their_own_times_too():
    lines = Lines(TWO.ends, first=1)
    line, times = lines.of(0, [0, 1, 2, 3, 4]), [5, None, None, 8]
    newest, offsets = np.array([5, 6, 6, 8, 9]), np.array([3, 4, 10, 30, 31])
    labels = lines.timeline(times, {}).phases(newest, "usage.events/0", offsets).tolist()
    assert [0, 1, 2, 3, 4] == [line.phase(rows(at, label)) for at, label in zip(offsets, labels, strict=True)]


def test_behind_the_line_at_which_a_replay_stops_nothing_is_applied():
    stopped = Lines(TWO.ends, stops=True)
    assert [1, BEYOND] == [stopped.of(0, POSITIONS).phase(rows(at)) for at in (29, 30)]
    assert {"usage.events/0": 30} == stopped.furthest()


def test_only_lines_that_every_shard_has_are_held():
    uneven = Lines({0: [{"usage.events/0": 10}, {"usage.events/0": 30}], 1: [{"usage.events/0": 12}]})
    assert 1 == uneven.count
    assert {"usage.events/0": 12} == uneven.furthest()
