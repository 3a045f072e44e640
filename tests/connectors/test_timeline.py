"""A control record with time T applies after each partition's prefix whose running maximum of event_time is <= T."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from connectors.timeline import BEFORE_ALL, Timeline

TIMES = st.lists(st.integers(-20, 20), max_size=8)


def phases(controls, newest):
    """The phases of rows with these running maxima."""
    return Timeline.of(controls).phases(np.array(newest, dtype=np.int64)).tolist()


def test_a_row_at_the_time_of_a_control_record_comes_before_it():
    assert [0, 0, 1] == phases([10], [9, 10, 11])


def test_control_records_of_one_time_apply_together():
    assert [0, 3] == phases([10, 10, 10], [10, 11])


def test_without_control_records_there_is_one_phase():
    assert [0, 0] == phases([], [-5, 5])


def test_a_control_record_that_goes_back_in_time_takes_its_predecessors_place():
    assert [0, 0, 2, 3] == phases([10, 3, 20], [4, 10, 11, 21])


def test_a_control_record_without_a_readable_time_applies_with_its_predecessor():
    assert [0, 2, 3] == phases([10, None, 20], [10, 11, 21])
    assert [BEFORE_ALL, 10] == Timeline.of([None, 10]).times.tolist()


@given(controls=TIMES, events=TIMES)
def test_the_phase_is_the_number_of_control_records_whose_prefix_the_row_is_not_in(controls, events):
    newest = np.maximum.accumulate(np.array(events, dtype=np.int64)).tolist() if events else []
    reached = [max(controls[: number + 1]) for number in range(len(controls))]
    assert [sum(time < now for time in reached) for now in newest] == phases(controls, newest)


# -- records that name the end of each partition


def bounded(times, ends, positions=None):
    return Timeline.of(times, ends, positions)


def placed(timeline, source, rows):
    """The phases of rows (running maximum, offset)."""
    newest, offsets = (np.array(one, dtype=np.int64) for one in zip(*rows, strict=True))
    return timeline.phases(newest, source, offsets).tolist()


def test_a_record_with_ends_applies_after_them_whatever_the_times_of_the_rows_are():
    timeline = bounded([10], {0: {"u/0": 5}})
    assert [0, 0, 1, 1] == placed(timeline, "u/0", [(3, 3), (99, 4), (99, 5), (100, 6)])


def test_a_partition_that_is_younger_than_the_record_comes_after_it():
    timeline = bounded([10], {0: {"u/0": 5}})
    assert [1] == placed(timeline, "u/1", [(3, 0)])


def test_a_row_comes_after_the_records_that_all_let_it():
    timeline = bounded([10, 20, 30], {1: {"u/0": 5}})
    # by time it is after all three, by offset before the second
    assert [1, 3] == placed(timeline, "u/0", [(99, 4), (99, 5)])
    # by offset it is after the second, by time before the first
    assert [0, 2] == placed(timeline, "u/0", [(9, 7), (25, 8)])


def test_a_later_record_never_lets_a_row_pass_that_an_earlier_one_holds():
    timeline = bounded([10, 20], {0: {"u/0": 9}, 1: {"u/0": 4}})
    assert [0, 2] == placed(timeline, "u/0", [(99, 8), (99, 9)])


def test_phases_are_positions_where_the_control_partition_has_gaps():
    timeline = bounded([10, 20], {}, [3, 7])
    assert [0, 3, 7] == timeline.phases(np.array([5, 15, 25])).tolist()


def test_a_partition_without_more_rows_is_past_what_its_end_allows():
    timeline = bounded([10, 20, 30], {1: {"u/0": 5}})
    assert [1, 3, 2] == [timeline.past("u/0", 4, 3), timeline.past("u/0", 5, 3), timeline.past("u/0", 5, 2)]
