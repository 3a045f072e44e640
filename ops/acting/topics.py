"""`accrual topics create|check`: the topics of a Kafka as they have to be."""

from __future__ import annotations

import json
import sys

from connectors.kafka.client import Brokers
from connectors.kafka.topics import TopicAdmin, TopicForm, forms
from ops.failures import DONE, FAILED, exit_code, told
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


def _asked(broker: str, partitions: int) -> tuple[TopicAdmin, tuple[TopicForm, ...]]:
    settings = load()
    admin = TopicAdmin(Brokers.of(broker, settings.kafka_options()))
    return admin, forms(partitions, settings.shards, settings.kafka_usage_days)


def _kept(one: TopicForm) -> str:
    if one.config.get("cleanup.policy") == "compact":
        return ", compacted"
    kept = int(one.config["retention.ms"])
    return ", kept for ever" if kept < 0 else f", kept for {kept // 86_400_000} days"
