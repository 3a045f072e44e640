"""`accrual topics create|check|send|fetch`: the topics of a Kafka as they have to be, and what is in them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from connectors.files.layout import directory
from connectors.kafka.client import Brokers
from connectors.kafka.topics import TopicAdmin, TopicForm, forms
from ops.acting.carry import fetch, send
from ops.failures import DONE, FAILED, exit_code, told
from ops.places.registry import Schemas
from ops.settings import load


def create_topics(broker: str, partitions: int, copies: int, as_json: bool) -> int:
    """Make what is missing; the exit code. What is there is left as it is."""
    try:
        admin, wanted = _asked(broker, partitions)
        made = admin.create(wanted, copies)
    except Exception as error:
        print(f"accrual topics create: {told(error)}", file=sys.stderr)
        return exit_code(error)
    if as_json:
        print(json.dumps({"created": made, "there": [one.name for one in wanted if one.name not in made]}))
        return DONE
    for one in wanted:
        state = "created" if one.name in made else "is there already"
        print(f"{one.name}: {state}, {one.partitions} partition{'s' * (one.partitions != 1)}{_kept(one)}")
    return DONE


def check_topics(broker: str, partitions: int, as_json: bool) -> int:
    """Say what is not as it has to be; 1 when anything is not."""
    try:
        admin, wanted = _asked(broker, partitions)
        problems = admin.problems(wanted)
    except Exception as error:
        print(f"accrual topics check: {told(error)}", file=sys.stderr)
        return exit_code(error)
    if as_json:
        print(json.dumps({"problems": problems}))
    else:
        print("\n".join(problems) or f"all {len(wanted)} topics are as they have to be")
    return FAILED if problems else DONE


def send_topics(broker: str, source: str, as_json: bool) -> int:
    """Send what files hold; the exit code."""
    return _carried("send", lambda: send(directory(source), _brokers(broker), Schemas.of(load()).numbers), as_json)


def fetch_topics(broker: str, to: str, as_json: bool) -> int:
    """Write what is committed as files; the exit code."""
    return _carried("fetch", lambda: fetch(_brokers(broker), Schemas.of(load()).at_once, directory(to)), as_json)


def _carried(verb: str, carry: Callable[[], dict[str, int]], as_json: bool) -> int:
    try:
        carried = carry()
    except Exception as error:
        print(f"accrual topics {verb}: {told(error)}", file=sys.stderr)
        return exit_code(error)
    if as_json:
        print(json.dumps({"records": carried}))
    else:
        print("\n".join(f"{topic}: {count:,} record{'s' * (count != 1)}" for topic, count in carried.items()))
    return DONE


def _brokers(broker: str) -> Brokers:
    return Brokers.of(broker, load().kafka_options())


def _asked(broker: str, partitions: int) -> tuple[TopicAdmin, tuple[TopicForm, ...]]:
    settings = load()
    admin = TopicAdmin(_brokers(broker))
    return admin, forms(partitions, settings.shards, settings.kafka_usage_days)


def _kept(one: TopicForm) -> str:
    if one.config.get("cleanup.policy") == "compact":
        return ", compacted"
    kept = int(one.config["retention.ms"])
    return ", kept for ever" if kept < 0 else f", kept for {kept // 86_400_000} days"
