"""`accrual topics accept`: a topic that was made anew as it was, and is read on from where the other one was left."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from ops.failures import DONE, WRONG_USAGE, exit_code, told
from ops.settings import load
from state.directory import StateDirectory


def accept_topic(topic: str, state: Path, as_json: bool) -> int:
    """Forget which topic of this name was read, so that the next run takes the one that it finds; the exit code."""
    try:
        if not (state / "accrual-state.json").is_file():
            raise ValueError(f"{state} is no state of a run: name the --state of the run that stopped")
        settings = load()
        directory = StateDirectory.acquire(state, settings.shards, settings.deciding())
        try:
            known = dict(directory.identity.topics)
            if topic not in known:
                read = ", ".join(sorted(known)) or "none: it has read no Kafka"
                print(f"accrual topics accept: {topic!r} is no topic that {state} has read: {read}", file=sys.stderr)
                return WRONG_USAGE
            before = known.pop(topic)
            directory.note(known)
        finally:
            directory.release()
    except Exception as error:
        print(f"accrual topics accept: {told(error)}", file=sys.stderr)
        return exit_code(error)
    if as_json:
        print(json.dumps({"topic": topic, "forgotten": before}))
    else:
        print(f"{topic}: the next run takes the topic that it finds (it was {before}), and reads on where it was left")
    return DONE
