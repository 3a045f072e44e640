"""The topics as they have to be: partitions, what is kept for how long, and what is compacted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, NewTopic, ResourceType

from connectors.errors import SourceAway, SourceUnusable
from connectors.kafka.asking import ANSWER_S
from connectors.kafka.client import Brokers
from connectors.kafka.refusal import said
from schemas.topics import BILLING, CONTRACTS, CONTROL, OUTPUTS, POSTINGS, REFERENCE, USAGE

STEP_S = 0.1
READ, WRITE = AclOperation.READ, AclOperation.WRITE
_AS_KAFKA_SHOWS = str.maketrans("+/", "-_")  # ids of topics, by its own tools
DAY_MS = 86_400_000
MESSAGE_BYTES = 16_777_216  # an exception holds the message that caused it, a recalculation every line and month
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
        *(output(name, shards) for name in OUTPUTS),
    )


def output(name: str, shards: int) -> TopicForm:
    """Of an output topic."""
    return TopicForm(name, shards, {**FOR_EVER, "max.message.bytes": str(MESSAGE_BYTES)}, exact=True)


@dataclass(frozen=True, slots=True)
class Topic:
    """How one topic is."""

    id: str  # another one when it is deleted and made anew under its name (KIP-516)
    partitions: int
    rights: frozenset[AclOperation]  # of ours; all where brokers ask for none


class Question:
    """What was asked of topics; the answers come by and by."""

    def __init__(self, brokers: Brokers, asked: Mapping[str, Future[Any]]) -> None:
        self._brokers, self._asked = brokers, asked

    @property
    def answered(self) -> bool:
        """Whether all is known, or known to fail."""
        return all(one.done() for one in self._asked.values())

    def topics(self) -> dict[str, Topic]:
        """Those that are there, once answered. AccessRefused; SourceUnusable where no broker answers."""
        found = {}
        for name, future in self._asked.items():
            try:
                told = future.result(0)
            except KafkaException as error:
                self._brokers.refuses(error, f"see topic {name}")
                if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                    continue
                why = self._brokers.news.trouble or said(error)
                raise SourceAway(
                    f"{self._brokers} does not answer ({why}): is it running, and is the address right?"
                ) from error
            number = str(told.topic_id).translate(_AS_KAFKA_SHOWS)
            found[name] = Topic(number, len(told.partitions), frozenset(told.authorized_operations or ()))
        return found


class TopicAdmin:
    """The topics that a Kafka has."""

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers
        self._client: AdminClient = brokers.made(AdminClient)

    def ask(self, names: Iterable[str]) -> Question:
        """Ask for topics; returns at once."""
        self._client.poll(0)  # what the client has to report
        asked = self._client.describe_topics(
            TopicCollection(list(names)), include_authorized_operations=True, request_timeout=ANSWER_S
        )
        return Question(self._brokers, asked)

    def topics(self, names: Iterable[str]) -> dict[str, Topic]:
        """Those of them that are there. AccessRefused as soon as it is refused; SourceUnusable when no broker answers."""
        question = self.ask(names)
        while not question.answered:
            self._client.poll(STEP_S)
            self._brokers.check()
        self._client.poll(0)
        return question.topics()

    def readable(self, names: Iterable[str]) -> dict[str, Topic]:
        """The same, of those that are to be read: AccessRefused names the first one that may not be."""
        return self._allowed(self.topics(names), (READ,))

    def writable(self, names: Iterable[str]) -> dict[str, Topic]:
        """The same, of those that are to be written; what is there is read back."""
        return self._allowed(self.topics(names), (WRITE, READ))

    def _allowed(self, found: dict[str, Topic], wanted: Iterable[AclOperation]) -> dict[str, Topic]:
        for name, topic in found.items():
            for right in wanted:
                if topic.rights and right not in topic.rights:  # some brokers tell of none
                    raise self._brokers.lacks(right.name.lower(), f"topic {name}")
        return found

    def create(self, wanted: tuple[TopicForm, ...], copies: int) -> list[str]:
        """Make those that are missing, with so many copies of each (-1: as many as the brokers make by themselves); gives
        their names. SourceUnusable on a refusal.
        """
        there = self.topics([one.name for one in wanted])
        fresh = [
            NewTopic(one.name, one.partitions, copies, config=dict(one.config))
            for one in wanted
            if one.name not in there
        ]
        for name, future in self._client.create_topics(fresh).items() if fresh else ():
            try:
                future.result(ANSWER_S)
            except KafkaException as error:
                self._brokers.refuses(error, f"make topic {name}")
                raise SourceUnusable(f"{self._brokers} does not make topic {name}: {said(error)}") from error
        # The controller has them before every broker tells of them: who reads at once would miss them.
        while fresh and len(self.topics([one.topic for one in fresh])) < len(fresh):
            pass
        return [one.topic for one in fresh]

    def problems(self, wanted: tuple[TopicForm, ...]) -> list[str]:
        """What is not as it has to be, each with the remedy."""
        there = self.topics([one.name for one in wanted])
        known = [one for one in wanted if one.name in there]
        configs = self._configs([one.name for one in known])
        missing = [
            f"topic {one.name} is missing: accrual topics create makes it" for one in wanted if one.name not in there
        ]
        return missing + [
            told for one in known for told in _differences(one, there[one.name].partitions, configs[one.name])
        ]

    def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        if not names:
            return {}
        asked = self._client.describe_configs([ConfigResource(ResourceType.TOPIC, name) for name in names])
        try:
            found = {one.name: future.result(ANSWER_S) for one, future in asked.items()}
        except KafkaException as error:
            self._brokers.refuses(error, "see how topics are set")
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
        larger = name == "max.message.bytes" and has is not None and int(value) <= int(has)
        if has != value and not longer and not larger:
            yield f"topic {wanted.name} has {name} = {has}, {value} is wanted: alter its configuration"
