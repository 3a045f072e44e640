"""Booking: the postings of a contract's lines in both currencies, or the exception that holds them back."""

from . import instant, period, window


class Sums:
    """Adds postings to the sums of the desired books, under the account's number and the contract's key."""

    def __init__(self, desired, history):
        self.desired = desired
        self.reference = desired.reference
        self.entity = history.first.entity
        self.currency = history.first.currency
        self.key = history.first.key
        self.zone = history.zone

    def rate(self, day, stated=None):
        """(functional currency, rate into it) of an accounting day, by its last microsecond, or None.

        The rate that an event states wins over reference data (accounting.md rule 8).
        """
        at = end_of(day, self.zone)
        functional = self.reference.functional_currency(self.entity, at) or self.currency
        if functional == self.currency:
            return functional, 1
        rate = stated or self.reference.rate(self.currency, functional, at)
        return None if rate is None else (functional, rate)

    def add(self, day, at, line_id, account, minor, functional, currency):
        """One posting of a day, its account as of an instant.

        A line only where one has earned it, for a billing fact may name several.
        """
        name = self.reference.account(self.entity, account, at)
        key = (self.entity, self.currency, period.of_date(day), name, *self.key, line_id)
        sums = self.desired.sums
        sums[key] = sums.get(key, 0) + minor
        sums = self.desired.functional
        sums[(*key, currency)] = sums.get((*key, currency), 0) + functional


class LineBook:
    """Books what a line earns, through a position it may share."""

    def __init__(self, desired, history, line_id, position, stated=None):
        """`stated`: every version there is, where not all of them could be taken up."""
        self.desired = desired
        self.reference = desired.reference
        self.history = history
        self.sums = Sums(desired, history)
        self.line_id = line_id
        self.position = position
        versions = [version for version in history.versions if version.line(line_id)]
        self.line = versions[-1].line(line_id)
        versions = [version for version in (stated or history).versions if version.line(line_id)]
        first = next(version for version in versions if version.line(line_id).product == self.line.product)
        self.unmapped = ("product_unmapped", *first.position)
        self.without_rate = None
        if not self.reference.knows(self.line.product, self.line.start):
            desired.doubtful.add(self.unmapped)

    def can_book(self, rated):
        """Whether a window's product and rate are known."""
        day = instant.local_date(rated.span.last, self.history.zone)
        return self.reference.knows(self.line.product, rated.span.last) and self.sums.rate(day) is not None

    def window(self, rated):
        """A closed window of usage: not booked while its product is unknown or its rate missing."""
        at, day = rated.span.last, instant.local_date(rated.span.last, self.history.zone)
        rate = self.sums.rate(day)
        known = self.reference.knows(self.line.product, at)
        if not known:
            self._hold(self.unmapped, rated.amount)
        if rate is None:
            self._hold(self._missing(self.history.governing(rated.span)), known and rated.amount)
        if known and rate is not None:
            self._post(rated.amount, rate, at, day)

    def effect(self, effect):
        """Something a fixed line earns: booked under default accounts when its product is unknown."""
        at, rate = end_of(effect.day, self.history.zone), self.sums.rate(effect.day)
        if not self.reference.knows(self.line.product, at):
            self._hold(self.unmapped, rate is not None)
        if rate is None:
            self._hold(self._missing(self.history.in_force(min(effect.at, at))), True)
        else:
            self._post(effect.amount, rate, at, effect.day)

    def _hold(self, exception, matters):
        """An exception; a doubtful one when nothing is kept out of the books by it."""
        (self.desired.exceptions if matters else self.desired.doubtful).add(exception)

    def _missing(self, version):
        """fx_rate_missing, once per line: at the version in force at the first thing that lacks its rate."""
        self.without_rate = self.without_rate or ("fx_rate_missing", *version.position)
        return self.without_rate

    def _post(self, amount, rate, at, day):
        """Both amounts of every posting; revenue takes what rounding leaves of the functional ones."""
        postings = self.position.recognise(amount, rate)
        for account, (minor, functional) in postings.items():
            self.sums.add(day, at, self.line_id, account, minor, functional, rate[0])
        revenue = self.reference.revenue_account(self.line.product, at)
        left = -sum(functional for _, functional in postings.values())
        self.sums.add(day, at, self.line_id, revenue, -amount, left, rate[0])


def end_of(day, zone):
    """The last microsecond of a local day."""
    return window.whole_day(day, zone).last
