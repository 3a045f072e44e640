"""The command line: print the books a directory must give, and how a journal differs from them."""

import argparse
import sys

from . import books, difference, number
from .compute import compute
from .journal import Journal


def main(arguments=None):
    """Exit 0 when there is no journal or it agrees, 1 when it differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.oracle")
    parser.add_argument("source", help="directory of topics")
    parser.add_argument("--as-of", help="RFC 3339 instant of a virtual clock record after all input")
    parser.add_argument("--journal", help="directory that holds revenue.journal")
    options = parser.parse_args(arguments)
    expected = compute(options.source, options.as_of)
    show(expected)
    if options.journal is None:
        return 0
    journal = Journal.read(options.journal, expected.functional_currency)
    differences = journal.problems + difference.compare(expected.sums, journal.sums)
    differences += difference.compare(expected.functional, journal.functional)
    for line in differences:
        print("difference:", line)
    print(f"journal: {journal.entries} entries, digest {books.digest(journal.sums)}, {len(differences)} differences")
    return 1 if differences else 0


def show(expected):
    """Print outcome counts, exceptions, sums and digest."""
    for outcome, count in expected.counts().items():
        print(f"usage {outcome}: {count}")
    for exception in sorted(expected.exceptions, key=str):
        print("exception:", *exception)
    for key, minor in sorted(expected.sums.items(), key=lambda item: str(item[0])):
        print(f"sum: {difference.describe(key)} {number.major_text(minor, key[1])}")
    for exception in sorted(expected.doubtful, key=str):
        print("exception, perhaps:", *exception)
    for name in sorted(expected.not_covered):
        print("not covered:", name)
    if expected.order_dependent:
        effect = "and the books" if expected.books_depend_on_order else "not the books"
        print(f"order dependent: {len(expected.order_dependent)} identities (outcomes, {effect})")
    print("digest:", expected.digest())


if __name__ == "__main__":
    sys.exit(main())
