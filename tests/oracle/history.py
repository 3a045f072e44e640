"""Histories: the applied versions of every contract and which of them is in force when."""

from . import instant, topic


class History:
    """The applied versions 1..n of one contract, by number."""

    def __init__(self, versions, zone):
        self.versions = versions
        self.zone = zone

    @property
    def first(self):
        """Version 1."""
        return self.versions[0]

    @property
    def last(self):
        """The highest applied version."""
        return self.versions[-1]

    def in_force(self, at):
        """The highest version whose effective_at is not after an instant; the first covers from the start.

        A version is the whole contract as of itself (events.md, contracts.events), so a later version that is
        effective earlier supersedes the one before it from there on.
        """
        known = [version for version in self.versions if version.effective <= at]
        return known[-1] if known else self.first

    def governing(self, window):
        """The version a window is priced by: the local date of effective_at belongs to the new version (rule 5)."""
        known = [version for version in self.versions if self.takes_effect(version) < window.end]
        return known[-1] if known else self.first

    def takes_effect(self, version):
        """The beginning of the local date of a version's effective_at."""
        return instant.midnight(instant.local_date(version.effective, self.zone), self.zone)

    def covers(self, at):
        """The version in force at an instant when the contract runs then, else None."""
        version = self.in_force(at)
        runs = version.kind != "cancelled" and version.start <= at < version.end
        return version if runs else None

    def usage_lines(self, meter, at):
        """The usage lines of the contract that cover a meter at an instant."""
        version = self.covers(at)
        lines = version.lines if version else ()
        return [
            line for line in lines if line.kind == "usage" and line.rate.meter == meter and line.start <= at < line.end
        ]


class Histories:
    """All contracts known from a set of parsed versions, with the exceptions they raise."""

    def __init__(self, versions, reference):
        self.contracts, self.customers = {}, {}
        self.exceptions, self.duplicates = set(), set()
        accepted = {}
        for version in sorted(versions, key=topic.applied_order):
            numbers = accepted.setdefault(version.key, {})
            known = numbers.get(version.number)
            if known is None:
                numbers[version.number] = version
            elif known.content == version.content:
                self.duplicates.add(version.position)
            else:
                self.exceptions.add(("version_conflict", *version.position))
        for key in sorted(accepted):
            applied = self._apply(accepted[key])
            if applied:
                self.contracts[key] = History(applied, reference.zone(applied[0].entity, applied[0].start))
                self.customers.setdefault(key[0], []).append(self.contracts[key])

    def _apply(self, numbers):
        """The gapless versions from 1; those after a gap wait for it (events.md, version_gap)."""
        applied = []
        for number in sorted(numbers):
            version = numbers[number]
            if number != len(applied) + 1:
                self.exceptions.add(("version_gap", *version.position))
            elif applied and version.currency != applied[0].currency:
                self.exceptions.add(("currency_mismatch", *version.position))
            else:
                applied.append(version)
        return applied
