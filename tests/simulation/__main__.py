"""Seeds by hand: python -m tests.simulation SEED ... runs them and says what it drew and what came of it."""

from __future__ import annotations

import argparse
import sys

from tests.campaign.simulation import in_memory
from tests.simulation.seed import run_seed


def main(words: list[str] | None = None) -> int:
    """Exit code 1 when one has failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seeds", type=int, nargs="+")
    failed = 0
    with in_memory() as root:
        for seed in parser.parse_args(words).seeds:
            ended = run_seed(seed, root)
            failed += bool(ended.problems)
            print(ended)
            print(f"    faults {ended.faults}, {ended.steps} steps, digest {ended.digest[:12]}")
            print(*ended.problems, sep="\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
