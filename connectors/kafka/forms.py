"""The schemas with which the messages of one topic were written, by the number that each message names."""

from __future__ import annotations

from typing import Any, Protocol

from connectors.avro_form import AvroForm, FormUnusable
from schemas.fault import Fault


class Registry(Protocol):
    """Schemas by number. A number means the same for ever."""

    def schema(self, number: int) -> Any | None:
        """The parsed schema; None: there is none with this number. Raises RegistryUnreachable and SchemaRefused."""


class SchemaRefused(Exception):
    """There is a schema with the number, and it is none that we read; the message goes on after "schema 7"."""


class Forms:
    """Every schema is asked for once: what a registry does not know it may know later, what it knows it knows for ever."""

    def __init__(self, topic: str, registry: Registry) -> None:
        self._topic, self._registry = topic, registry
        self._known: dict[int, AvroForm | Fault] = {}

    def of(self, number: int) -> AvroForm | Fault:
        """How messages with a schema's number are read, or why they are not. Raises RegistryUnreachable."""
        known = self._known.get(number)
        if known is not None:
            return known
        made: AvroForm | Fault
        try:
            schema = self._registry.schema(number)
            if schema is None:
                return Fault(
                    "schema_unknown", f"no schema has the number {number}: register it, then send the message again"
                )
            made = AvroForm(self._topic, schema)
        except SchemaRefused as error:
            made = Fault("schema_unknown", f"schema {number} {error}")
        except FormUnusable as error:
            made = Fault("schema_unknown", f"schema {number} is none of this topic: a message {error}")
        self._known[number] = made
        return made
