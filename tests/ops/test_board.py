"""What workers tell their launcher: each in a slot of its own, the words of an end whole or their last part."""

import pytest

from ops.board import REPORT_BYTES, SLOT_BYTES, Board, Ending, How, Signs
from ops.supervisor import RESTS_S, Restarts


@pytest.fixture
def board():
    made = Board.of(2)
    yield made
    made.close()


def test_who_has_told_nothing_has_told_nothing(board):
    assert [Signs(), Signs()] == [board.signs(0), board.signs(1)]
    assert Ending(How.SILENT) == board.ending(1)
    assert not board.signs(0).ready


def test_each_process_has_a_slot_of_its_own(board):
    first, second = Signs(1, 2, True, 3, 4, 5, 6, 7), Signs(9, 8, False, 6, 5, 4, 3, 2)
    board.tell(0, first)
    board.tell(1, second)
    board.end(0, Ending(How.AWAY, 1, "brokers, für Ä"))
    board.end(1, Ending(How.REFUSED, 2, "x"))
    assert [first, second] == [board.signs(0), board.signs(1)]
    assert [Ending(How.AWAY, 1, "brokers, für Ä"), Ending(How.REFUSED, 2, "x")] == [board.ending(0), board.ending(1)]


def test_of_very_long_words_the_last_ones_are_kept(board):
    board.end(0, Ending(How.DEFECT, 1, "a" * SLOT_BYTES + "the cause"))
    assert board.ending(0).told.endswith("aaathe cause")
    assert Ending(How.SILENT) == board.ending(1)
    assert Signs() == board.signs(1)


def test_a_report_is_the_last_one_whole_and_one_that_is_too_long_is_none(board):
    assert b"" == board.reported(1)
    board.report(1, b"long" * 1_000)
    board.report(1, b"short")
    board.end(1, Ending(How.SINK_AWAY, 1, "x" * SLOT_BYTES))
    assert (b"", b"short") == (board.reported(0), board.reported(1))
    board.report(0, b"x" * REPORT_BYTES)
    assert (b"", b"short") == (board.reported(0), board.reported(1))


# -- restarts


def test_the_rest_grows_until_there_is_progress():
    restarts = Restarts(100)
    assert [*RESTS_S, RESTS_S[-1]] == [restarts.after("died", progress=False) for _ in range(len(RESTS_S) + 1)]
    assert RESTS_S[0] == restarts.after("hung", progress=True)
    assert RESTS_S[1] == restarts.after("died", progress=False)
    assert {"died": len(RESTS_S) + 2, "hung": 1, "away": 0} == restarts.counts


def test_it_gives_up_after_so_many_deaths_without_progress():
    restarts = Restarts(2)
    assert [True, True, False] == [restarts.after("died", progress=False) is not None for _ in range(3)]
    restarts = Restarts(2)
    assert all(restarts.after("died", progress=number % 2 == 0) is not None for number in range(20))
    assert Restarts(0).after("died", progress=False) is None


def test_brokers_that_are_away_are_no_death():
    restarts = Restarts(1)
    assert {2} == {restarts.after("away", progress=False) for _ in range(20)}
    assert RESTS_S[0] == restarts.after("died", progress=False)
