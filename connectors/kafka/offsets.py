"""Where partitions begin and end, and where they stood at an instant, as the brokers say."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from connectors.errors import SourceAway
from connectors.kafka.asking import ANSWER_S, answered
from connectors.kafka.client import Brokers
from connectors.kafka.refusal import said

Place = tuple[str, int]  # topic, partition


def listed(brokers: Brokers, admin: AdminClient, places: Iterable[Place], spec: OffsetSpec) -> dict[Place, int]:
    """The offset of each place that `spec` asks for, -1 where there is none. SourceAway when nobody answers."""
    asked = {TopicPartition(*place): spec for place in places}

    def ask() -> dict[Place, int]:
        # What no reader may see yet (an open transaction) is not there yet.
        found = admin.list_offsets(asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ANSWER_S)
        return {(at.topic, at.partition): future.result(ANSWER_S).offset for at, future in found.items()}

    try:
        return answered(ask) if asked else {}
    except KafkaException as error:
        brokers.refuses(error, "see where its topics begin and end")
        raise SourceAway(f"{brokers} does not say where its topics begin and end: {said(error)}") from error


def starts(brokers: Brokers, places: Iterable[Place]) -> dict[Place, int]:
    """The first offset that is there."""
    return listed(brokers, brokers.made(AdminClient), places, OffsetSpec.earliest())


def ends(brokers: Brokers, places: Iterable[Place]) -> dict[Place, int]:
    """Behind the last record that readers may see, and markers of transactions."""
    return listed(brokers, brokers.made(AdminClient), places, OffsetSpec.latest())


def at_instant(brokers: Brokers, places: Iterable[Place], instant: int) -> dict[Place, int]:
    """The first offset written at or after an instant (microseconds UTC), by the topic's own time stamps; else the end."""
    wanted = list(places)
    # Kafka counts milliseconds: nothing that was written before the instant comes in.
    found = listed(brokers, brokers.made(AdminClient), wanted, OffsetSpec.for_timestamp(-(-instant // 1_000)))
    behind = ends(brokers, wanted)
    return {place: behind[place] if offset < 0 else offset for place, offset in found.items()}


def committed(brokers: Brokers, group: str, places: Iterable[Place]) -> dict[Place, int]:
    """How far a group has told that each place is done; without those of which it has told nothing."""
    client: Consumer = brokers.made(Consumer, group_id=group, enable_auto_commit=False)
    try:
        found = answered(lambda: client.committed([TopicPartition(*place) for place in places], timeout=ANSWER_S))
    except KafkaException as error:
        brokers.refuses(error, f"see the group {group}")
        raise SourceAway(f"{brokers} does not say how far the group {group} is: {said(error)}") from error
    finally:
        client.close()
    return {(one.topic, one.partition): one.offset for one in found if one.offset >= 0}
