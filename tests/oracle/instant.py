"""Instants: integer microseconds since 1970 UTC, and their local dates in a time zone."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache

MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
FAR_PAST = -(10**20)
FAR_FUTURE = 10**20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)


def parse(text):
    """Microseconds of an RFC 3339 time with Z or an offset, or None (events.md, In: times are RFC 3339)."""
    match = _RFC3339.fullmatch(text) if type(text) is str else None
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, zulu, sign, offset_hour, offset_minute = match.groups()[6:]
    if hour > 23 or minute > 59 or second > 59:
        return None
    try:
        days = date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()
    except ValueError:
        return None
    offset = 0
    if not zulu:
        if int(offset_hour) > 23 or int(offset_minute) > 59:
            return None
        offset = (int(offset_hour) * 60 + int(offset_minute)) * 60 * (1 if sign == "+" else -1)
    micros = int(((fraction or "") + "000000")[:6])
    return (days * 86400 + hour * 3600 + minute * 60 + second - offset) * SECOND + micros


def text(micros):
    """The RFC 3339 UTC form of an instant."""
    moment = _EPOCH + timedelta(microseconds=micros)
    return moment.replace(tzinfo=None).isoformat() + "Z"


@cache
def local(micros, zone):
    """The wall-clock datetime (without zone) that a zone shows at an instant."""
    return (_EPOCH + timedelta(microseconds=micros)).astimezone(zone).replace(tzinfo=None, fold=0)


def ahead(micros, zone):
    """By how many microseconds the wall clock of a zone is ahead of UTC at an instant."""
    return (local(micros, zone) - _EPOCH.replace(tzinfo=None)) // MICROSECOND - micros


@cache
def at(wall, zone):
    """The instant at which a zone shows a wall-clock datetime (the first one when it occurs twice)."""
    return (wall.replace(tzinfo=zone).astimezone(UTC) - _EPOCH) // MICROSECOND


def local_date(micros, zone):
    """The local calendar date of an instant."""
    return local(micros, zone).date()


@cache
def midnight(day, zone):
    """The instant at which a local date begins (DST-safe: accounting.md rule 4)."""
    return at(datetime(day.year, day.month, day.day), zone)


def add_months(wall, months):
    """The wall-clock datetime some months later, its day clipped to the month's length."""
    index = wall.year * 12 + wall.month - 1 + months
    year, month = index // 12, index % 12 + 1
    return wall.replace(year=year, month=month, day=min(wall.day, month_length(year, month)))


def month_length(year, month):
    """The number of days in a calendar month."""
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - date(year, month, 1)).days
