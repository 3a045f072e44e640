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
