"""A campaign by hand: a range of seeds through product and oracle.

    python -m tests.support.campaign FIRST LAST [--keep DIR] [--simple | --rich] [--modified] [--billed] [--events N]

prints the seeds that fail, with their first problems. With --keep the failing feeds stay, each in a directory of its
own: the topics, what came out, and `problems.txt`. Exit code 1 when a seed has failed. --modified draws changed terms of
fixed lines, --billed billing events, both in rich feeds.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import traceback
from pathlib import Path

from tests.support.feed import Drawing, Feed
from tests.support.judged import cut, problems, run_feed

SHOWN = 6


def main(words: list[str] | None = None) -> int:
    """Run the seeds FIRST to LAST, the last one included."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.campaign", description=__doc__.split("\n")[0])
    parser.add_argument("first", type=int)
    parser.add_argument("last", type=int)
    parser.add_argument("--keep", type=Path, help="directory for the feeds that fail")
    parser.add_argument("--events", type=int, default=300, help="usage records of a feed")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--simple", dest="rich", action="store_const", const=False, help="simple feeds only")
    kinds.add_argument("--rich", dest="rich", action="store_const", const=True, help="rich feeds only")
    parser.add_argument("--modified", action="store_true", help="feeds in which the terms of fixed lines change")
    parser.add_argument("--billed", action="store_true", help="feeds with billing events")
    options = parser.parse_args(words)
    seeds, failed = range(options.first, options.last + 1), []
    for seed in seeds:
        more = {"modified": options.modified, "billed": options.billed}
        feed = Drawing(seed, events=options.events, rich=options.rich, **more).feed()
        found = judge(feed, options.keep)
        if found:
            failed.append(seed)
            rest = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
            print(f"seed {seed}, as of {feed.as_of}:", *found[:SHOWN], *rest, sep="\n    ", flush=True)
    print(f"{len(seeds)} seeds, {len(failed)} failed", *failed)
    return 1 if failed else 0


def judge(feed: Feed, keep: Path | None) -> list[str]:
    """What is wrong with the run of a feed; the feed stays below `keep` when something is."""
    root = Path(tempfile.mkdtemp(prefix=f"seed-{feed.seed}-"))
    (root / "in").mkdir()
    feed.write(root / "in")
    try:
        result = run_feed(root / "in", root / "out", feed.as_of, **cut(feed.seed))
        found = problems(root / "in", root / "out", feed.as_of, result)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the product stopped, perhaps by a panic: the next seed may still tell something
        found = [f"{type(error).__name__}: {error}", *traceback.format_exc().splitlines()[-SHOWN:]]
    if found and keep is not None:
        (root / "problems.txt").write_text("\n".join([f"as of {feed.as_of}", *found, ""]))
        shutil.copytree(root, keep / str(feed.seed), dirs_exist_ok=True)
    shutil.rmtree(root)
    return found


if __name__ == "__main__":
    sys.exit(main())
