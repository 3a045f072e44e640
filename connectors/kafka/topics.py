"""The topics as they have to be: partitions, what is kept for how long, and what is compacted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from connectors.errors import SourceUnusable
from connectors.kafka.client import Brokers, said
from schemas.topics import BILLING, CONTRACTS, CONTROL, OUTPUTS, POSTINGS, REFERENCE, USAGE

ANSWER_S = 30
DAY_MS = 86_400_000
FOR_EVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


@dataclass(frozen=True, slots=True)
class TopicForm:
    """How one topic has to be."""

    name: str
    partitions: int
    config: Mapping[str, str]
    exact: bool = False  # more partitions than that are as wrong as fewer


def forms(partitions: int, shards: int, usage_days: int) -> tuple[TopicForm, ...]:
    """Of every topic (events.md, fine print): `partitions` of the input that has a customer, one of each output by shard."""
    kept = {"cleanup.policy": "delete", "retention.ms": str(usage_days * DAY_MS), "retention.bytes": "-1"}
    return (
        TopicForm(USAGE, partitions, kept),
        TopicForm(CONTRACTS, partitions, FOR_EVER),
        TopicForm(BILLING, partitions, FOR_EVER),
        # The newest record of each (kind, id, effective date) is all that counts.
        TopicForm(REFERENCE, 1, {"cleanup.policy": "compact"}, exact=True),
        TopicForm(CONTROL, 1, FOR_EVER, exact=True),
        TopicForm(POSTINGS, partitions, FOR_EVER),
        *(TopicForm(name, shards, FOR_EVER, exact=True) for name in OUTPUTS),
    )


class TopicAdmin:
    """The topics that a Kafka has."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._client = AdminClient(brokers.client())

    def partitions(self) -> dict[str, int]:
        """How many partitions each topic has. SourceUnusable when no broker answers."""
        try:
            found = self._client.list_topics(timeout=ANSWER_S).topics
        except KafkaException as error:
            raise SourceUnusable(
                f"{self._brokers} does not answer ({said(error)}): is it running, and is the address right?"
            ) from error
        return {name: len(topic.partitions) for name, topic in found.items()}

    def create(self, wanted: tuple[TopicForm, ...], copies: int) -> list[str]:
        """Make those that are missing, with so many copies of each; gives their names. SourceUnusable on a refusal."""
        there = self.partitions()
        fresh = [
            NewTopic(one.name, one.partitions, copies, config=dict(one.config))
            for one in wanted
            if one.name not in there
        ]
        for name, future in self._client.create_topics(fresh).items() if fresh else ():
            try:
                future.result(ANSWER_S)
            except KafkaException as error:
                raise SourceUnusable(f"{self._brokers} does not make topic {name}: {said(error)}") from error
        # The controller has them before every broker tells of them: who reads at once would miss them.
        while not {one.topic for one in fresh} <= self.partitions().keys():
            pass
        return [one.topic for one in fresh]

    def problems(self, wanted: tuple[TopicForm, ...]) -> list[str]:
        """What is not as it has to be, each with the remedy."""
        there = self.partitions()
        known = [one for one in wanted if one.name in there]
        configs = self._configs([one.name for one in known])
        missing = [
            f"topic {one.name} is missing: accrual topics create makes it" for one in wanted if one.name not in there
        ]
        return missing + [told for one in known for told in _differences(one, there[one.name], configs[one.name])]

    def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        asked = self._client.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names])
        try:
            found = {one.name: future.result(ANSWER_S) for one, future in asked.items()}
        except KafkaException as error:
            raise SourceUnusable(f"{self._brokers} does not tell how topics are set: {said(error)}") from error
        return {name: {key: entry.value for key, entry in config.items()} for name, config in found.items()}


def _differences(wanted: TopicForm, partitions: int, config: Mapping[str, str]) -> Iterator[str]:
    if partitions < wanted.partitions:
        yield f"topic {wanted.name} has {partitions} partitions, {wanted.partitions} are wanted: add them"
    elif wanted.exact and partitions > wanted.partitions:
        yield (
            f"topic {wanted.name} has {partitions} partitions and must have {wanted.partitions}: make it anew with "
            "that many"
        )
    for name, value in wanted.config.items():
        has = config.get(name)
        longer = name == "retention.ms" and has is not None and (has == "-1" or -1 < int(value) <= int(has))
        if has != value and not longer:
            yield f"topic {wanted.name} has {name} = {has}, {value} is wanted: alter its configuration"
