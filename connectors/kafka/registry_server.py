"""A schema registry behind the Confluent API: schemas by number, numbers by topic, and the way in for new ones."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from connectors.errors import RegistryRefuses, RegistryUnreachable
from connectors.kafka.forms import SchemaRefused
from connectors.kafka.rest import Answer, RegistryAddress, Rest
from schemas.topics import TOPICS

# Of the API: what is asked for is not there.
NO_SUBJECT, NO_VERSION, NO_SCHEMA = 40401, 40402, 40403
FULL_TRANSITIVE = "FULL_TRANSITIVE"


class RegistryServer:
    """Each schema is asked for once, and so is the number of each topic."""

    def __init__(self, address: RegistryAddress) -> None:
        """OSError when the file of certificates does not read."""
        self._rest = Rest(address)
        self._known: dict[int, Any] = {}
        self._numbers: dict[str, int] = {}

    def __str__(self) -> str:
        return self._rest.url

    def check(self) -> None:
        """RegistryUnreachable unless a registry answers."""
        answer = self._rest.ask("GET", "/schemas/types")
        if answer.code is not None or "AVRO" not in answer.body:
            raise self._strange(answer)

    def schema(self, number: int) -> Any | None:
        """The parsed schema; None: there is none with this number.

        RegistryUnreachable when there is no answer, SchemaRefused when the schema is none that we read.
        """
        known = self._known.get(number)
        if known is not None:
            return known
        answer = self._rest.ask("GET", f"/schemas/ids/{number}")
        if answer.code == NO_SCHEMA:
            return None
        if not isinstance(self._said(answer).get("schema"), str):
            raise self._strange(answer)
        found = self._known[number] = _avro(answer)
        return found

    def number(self, topic: str) -> int:
        """Of the schema with which records of a topic are written now.

        RegistryUnreachable when there is no answer, RegistryRefuses when it is not registered.
        """
        if topic not in self._numbers:
            number = self.registered(subject_of(topic), TOPICS[topic].avsc())
            if number is None:
                raise RegistryRefuses(
                    f"the schema of {topic} is not in the schema registry {self} (subject {subject_of(topic)}): accrual "
                    "schemas register puts it there"
                )
            self._numbers[topic] = number
        return self._numbers[topic]

    def know(self, numbers: dict[str, int]) -> None:
        """Numbers of topics that somebody has asked for already."""
        self._numbers.update(numbers)

    def registered(self, subject: str, schema: Any) -> int | None:
        """The number of a schema of a subject; None: it has no such schema. RegistryUnreachable."""
        answer = self._rest.ask("POST", f"/subjects/{quote(subject, safe='')}", _body(schema))
        if answer.code in (NO_SUBJECT, NO_VERSION, NO_SCHEMA):
            return None
        return self._number(answer)

    def register(self, subject: str, schema: Any) -> int:
        """Put a schema there; its number. RegistryRefuses when it does not go with those that are there."""
        answer = self._rest.ask("POST", f"/subjects/{quote(subject, safe='')}/versions", _body(schema))
        if answer.code is not None:
            raise RegistryRefuses(f"the schema registry {self} does not take a schema of {subject}: {answer.reason}")
        return self._number(answer)

    def guard(self, subject: str) -> None:
        """From now on every schema of a subject has to read every other one, and be read by it."""
        wanted = {"compatibility": FULL_TRANSITIVE}
        answer = self._rest.ask("PUT", f"/config/{quote(subject, safe='')}", wanted)
        if answer.code is not None:
            raise RegistryRefuses(
                f"the schema registry {self} does not set {FULL_TRANSITIVE} on {subject}: {answer.reason}"
            )

    def _number(self, answer: Answer) -> int:
        number = self._said(answer).get("id")
        if not isinstance(number, int):
            raise self._strange(answer)
        return number

    def _said(self, answer: Answer) -> dict[str, Any]:
        """An answer that says what was asked."""
        if answer.code is not None or not isinstance(answer.body, dict):
            raise self._strange(answer)
        return answer.body

    def _strange(self, answer: Answer) -> RegistryUnreachable:
        said = answer.reason if answer.code is not None else "it answers something else than what was asked"
        return RegistryUnreachable(f"the schema registry {self} gives no answer: {said}")


def subject_of(topic: str) -> str:
    """Under which name the schemas of a topic's values are kept."""
    return f"{topic}-value"


def _body(schema: Any) -> dict[str, str]:
    return {"schema": json.dumps(schema), "schemaType": "AVRO"}


def _avro(answer: Answer) -> Any:
    """The schema of an answer, parsed. SchemaRefused when it cannot be one of ours."""
    said = answer.body
    if (kind := said.get("schemaType", "AVRO")) != "AVRO":
        raise SchemaRefused(f"is {kind}, not Avro: produce with an Avro serializer")
    if said.get("references"):
        names = ", ".join(str(one.get("name")) for one in said["references"])
        raise SchemaRefused(f"refers to other schemas ({names}): register one that has everything in it")
    try:
        return json.loads(said["schema"])
    except (ValueError, RecursionError):
        raise SchemaRefused("is no JSON, so that it is no Avro schema: register the right one") from None
