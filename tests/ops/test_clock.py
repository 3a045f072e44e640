"""The clock records that a service writes itself."""

import pytest

from connectors.errors import SourceUnusable
from ops.clock import SECOND_US, ClockRecords
from schemas.control import ControlEvent
from schemas.decode import decode
from schemas.encode import encode
from schemas.instants import parse_instant
from schemas.topics import CONTROL

NOON = parse_instant("2026-01-01T12:00:00Z")
QUARTER, HOUR = 900, 3_600


class End:
    """Keeps what is written, and refuses so many times first."""

    def __init__(self, refusals=0):
        self.records, self._refusals = [], refusals

    def write(self, record):
        if self._refusals:
            self._refusals -= 1
            raise SourceUnusable("away")
        self.records.append(record)
        return len(self.records)


def at(seconds):
    """Seconds after one o'clock: with an hour's lateness the records are of twelve."""
    return NOON + (HOUR + seconds) * SECOND_US


def records(end, begun=0.0):
    return ClockRecords(end, QUARTER, HOUR, at(begun))


def test_one_is_written_for_each_full_interval_behind_the_clock_by_the_lateness():
    end = End()
    clock = records(end)
    ticks = [clock.tick(at(seconds)) for seconds in (0, 899, 900, 901, 1_799, 1_800)]
    assert [None, None, NOON + 900 * SECOND_US, None, None, NOON + 1_800 * SECOND_US] == ticks
    assert ["2026-01-01T12:15:00Z", "2026-01-01T12:30:00Z"] == [one["as_of"] for one in end.records]


def test_a_service_that_begins_again_and_again_writes_none_of_them_twice():
    end = End()
    for begun in (10, 300, 600):
        records(end, begun).tick(at(begun + 200))
    assert [] == end.records


def test_after_a_pause_the_last_one_is_enough():
    end = End()
    assert NOON + 9_000 * SECOND_US == records(end).tick(at(9_100))
    assert 1 == len(end.records)


def test_one_that_could_not_be_written_is_due_still():
    end = End(refusals=1)
    clock = records(end)
    with pytest.raises(SourceUnusable):
        clock.tick(at(900))
    assert NOON + 900 * SECOND_US == clock.tick(at(905))


def test_it_is_a_control_record():
    end = End()
    records(end).tick(at(900))
    read = decode(CONTROL, encode(end.records[0]))
    assert isinstance(read, ControlEvent)
    assert (NOON + 900 * SECOND_US, "accrual-clock") == (read.reaches, read.source)


def test_the_next_one_is_awaited_to_its_instant():
    assert (900, 1, 900) == tuple(records(End()).next_s(at(seconds)) for seconds in (0, 899, 900))
