#!/bin/sh
# Prints the interpreter that the environment is made of: of those that accrual runs on, the fastest. One that was compiled
# without the optimisations of its profile, as version managers do when nobody asks them for more, takes a third longer for the
# same books.
test='
import os, sys, time
if sys.version_info[:2] not in ((3, 11), (3, 12)) or sys.prefix != sys.base_prefix:  # no environment of an environment
    sys.exit(1)
import ensurepip, venv  # Debian has them in a package of their own


class Amount:
    def __init__(self, minor):
        self.minor = minor

    def plus(self, other):
        return Amount(self.minor + other.minor)


def books():
    booked, one = {}, Amount(1)
    for number in range(50_000):
        booked[number % 100] = booked.get(number % 100, one).plus(one)
    return sum(sorted(each.minor for each in booked.values()))


def took():
    began = time.process_time()
    books()
    return time.process_time() - began


print(int(1e6 * min(took() for _ in range(7))), os.path.realpath(sys.executable))
'
IFS=:
for folder in $PATH; do
    for name in python3.12 python3.11 python3; do
        [ -x "$folder/$name" ] && "$folder/$name" -I -c "$test" 2> /dev/null
    done
done | sort -n | head -1 | cut -d " " -f 2-
