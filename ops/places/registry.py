"""The schemas that the messages of a Kafka go by: those of this program's files, or those of a schema registry."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from connectors.errors import RegistryUnreachable
from connectors.follow import Follow
from connectors.kafka.aside import Asking, until_answered
from connectors.kafka.forms import Registry
from connectors.kafka.registry import FileRegistry
from connectors.kafka.registry_server import RegistryServer
from connectors.kafka.rest import RegistryAddress
from connectors.kafka.written import Numbers
from ops.places.outage import ToldOutage
from ops.settings import Settings, SettingsWrong
from schemas.topics import OUTPUTS

T = TypeVar("T")
LOOK_S = 0.1  # between two looks whether somebody asks for the end


@dataclass(frozen=True, slots=True)
class Schemas:
    """Which schema has which number."""

    reading: Registry = field(default_factory=FileRegistry)
    numbers: Numbers = field(default_factory=FileRegistry)
    server: RegistryServer | None = None
    outage: ToldOutage = field(default_factory=ToldOutage)

    @classmethod
    def of(cls, settings: Settings) -> Schemas:
        """As the settings say. SettingsWrong when the secrets or the certificates do not read."""
        address = settings.registry_address()
        if address is None:
            return cls()
        server, outage = registry_server(address), ToldOutage()
        return cls(Asking(server, outage), server, server, outage)

    @property
    def at_once(self) -> Registry:
        """For whoever cannot go on without an answer: RegistryUnreachable ends it."""
        return self.server or self.reading

    def await_answer(self, follow: Follow | None) -> None:
        """The registry answers. RegistryUnreachable when it does not; a run that follows its source waits for it."""
        if self.server is not None:
            self._await(self.server.check, follow)

    def await_numbers(self, follow: Follow | None) -> None:
        """The numbers of the output topics are known, as above. RegistryRefuses when one is not registered."""
        self._await(lambda: [self.numbers.number(topic) for topic in OUTPUTS], follow)

    def _await(self, ask: Callable[[], object], follow: Follow | None) -> None:
        """Gives up waiting when somebody asks for the end. In a thread: a name server that hangs does not see signals."""
        if follow is None:
            at_once(ask)
            return
        answered, stopped, failed = threading.Event(), threading.Event(), list[Exception]()

        def work() -> None:
            try:
                until_answered(ask, self.outage, stopped)
            except Exception as error:
                failed.append(error)
            finally:
                answered.set()

        threading.Thread(target=work, daemon=True).start()
        while not follow.stopping and not answered.wait(LOOK_S):
            pass
        stopped.set()
        if failed:
            raise failed[0]


def at_once(ask: Callable[[], T]) -> T:
    """What a registry says now. RegistryUnreachable says what to do when it gives no answer."""
    try:
        return ask()
    except RegistryUnreachable as error:
        raise RegistryUnreachable(f"{error}; start it, or correct the setting registry") from error


def registry_server(address: RegistryAddress) -> RegistryServer:
    """A registry. SettingsWrong when its certificates do not read."""
    try:
        return RegistryServer(address)
    except (OSError, ssl.SSLError) as error:
        raise SettingsWrong(
            f"registry_ca names {address.ca}, which is no readable file of PEM certificates: {type(error).__name__}"
        ) from error
