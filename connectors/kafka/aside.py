"""Questions to a schema registry that is away for a while: asked again and again, aside of those who read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from connectors.errors import RegistryUnreachable
from connectors.kafka.forms import Registry, SchemaRefused

FIRST_S, LONGEST_S = 0.1, 5.0  # between two tries
_NEVER = threading.Event()


class Outage(Protocol):
    """Whoever tells people that a registry is waited for."""

    def lasts(self, why: str) -> None:
        """There was no answer, again."""

    def ended(self) -> None:
        """There was one."""


def until_answered(ask: Callable[[], Any], outage: Outage, stopped: threading.Event) -> Any:
    """The answer of `ask`, tried until there is one; None once it is stopped."""
    pause = FIRST_S
    while not stopped.is_set():
        try:
            answer = ask()
        except RegistryUnreachable as error:
            outage.lasts(str(error))
            stopped.wait(pause)
            pause = min(2 * pause, LONGEST_S)
            continue
        outage.ended()
        return answer
    return None


class Asking:
    """A registry that is asked by a thread of its own, one question after the other: nobody who reads waits for it.

    What it knows is known from then on. That there is no schema with a number is an answer for whoever asks next, once: it
    may be there later.
    """

    def __init__(self, registry: Registry, outage: Outage) -> None:
        self._registry, self._outage = registry, outage
        self._lock = threading.Lock()
        self._wanted: dict[int, None] = {}  # in the order of asking
        self._answers: dict[int, Any] = {}
        self._defect: Exception | None = None
        self._thread: threading.Thread | None = None

    def schema(self, number: int) -> Any | None:
        """As a Registry; RegistryUnreachable also while the answer is on its way: ask again a little later."""
        with self._lock:
            if self._defect is not None:
                raise self._defect
            if number in self._answers:
                return self._given(number)
            self._wanted[number] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._ask_all, name="schema registry", daemon=True)
                self._thread.start()
        raise RegistryUnreachable(f"schema {number} is asked for")

    def _given(self, number: int) -> Any | None:
        answer = self._answers[number]
        if answer is None:
            del self._answers[number]
        if isinstance(answer, SchemaRefused):
            raise answer
        return answer

    def _ask_all(self) -> None:
        """Until nothing is asked any more."""
        while True:
            with self._lock:
                number = next(iter(self._wanted), None)
                if number is None:
                    self._thread = None
                    return
            try:
                answer = until_answered(partial(self._answer, number), self._outage, _NEVER)
            except Exception as error:  # a defect here would leave readers waiting for ever
                self._defect = error
                return
            with self._lock:
                del self._wanted[number]
                self._answers[number] = answer

    def _answer(self, number: int) -> Any | None:
        try:
            return self._registry.schema(number)
        except SchemaRefused as error:
            return error
