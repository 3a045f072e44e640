"""A worker process of a run with several; started by the launcher, which holds the lock."""

from __future__ import annotations

import json
import os
import sys
import threading

from connectors.errors import AWAY
from ops.collector import collect_seldom
from ops.failures import BROKERS_AWAY, FAILED, told


def main() -> int:
    """Do the work that the launcher wrote into the environment."""
    from ops.run import work

    collect_seldom()
    threading.Thread(target=_end_with_the_launcher, daemon=True).start()
    try:
        work(json.loads(os.environ["ACCRUAL_WORKER"]))
    except Exception as error:
        print(f"accrual worker: {told(error)}", file=sys.stderr)
        return BROKERS_AWAY if isinstance(error, AWAY) else FAILED
    return 0


def _end_with_the_launcher() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written there: it returns when the launcher is gone
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
