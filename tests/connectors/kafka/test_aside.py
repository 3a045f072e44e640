"""A registry that is away is asked again and again, and nobody who reads waits in it."""

import threading

import pytest

from connectors.errors import RegistryUnreachable
from connectors.kafka.aside import Asking, until_answered
from connectors.kafka.forms import SchemaRefused

SECONDS = 20


class Registry:
    """Answers with what it is given, when it is let."""

    def __init__(self, **answers):
        self.answers = {int(name[1:]): answer for name, answer in answers.items()}
        self.asked = []
        self.away = 0  # this many times there is no answer
        self.open = threading.Event()
        self.open.set()

    def schema(self, number):
        self.open.wait(SECONDS)
        self.asked.append(number)
        if self.away:
            self.away -= 1
            raise RegistryUnreachable("nobody there")
        answer = self.answers.get(number)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Told:
    def __init__(self):
        self.lines = []

    def lasts(self, why):
        self.lines.append(why)

    def ended(self):
        self.lines.append("ended")


def awaited(asking, number):
    """What a reader gets that comes by until there is an answer."""
    pause, left = threading.Event(), SECONDS * 1000
    while left:
        try:
            return asking.schema(number)
        except RegistryUnreachable:
            pause.wait(0.001)
            left -= 1
    raise AssertionError(f"no answer about {number}")


def test_the_first_question_does_not_wait_and_a_later_one_has_the_answer():
    registry = Registry(_7="schema")
    registry.open.clear()
    asking = Asking(registry, Told())
    for _ in range(3):
        with pytest.raises(RegistryUnreachable, match="schema 7"):
            asking.schema(7)
    registry.open.set()
    assert ["schema", "schema"] == [awaited(asking, 7), asking.schema(7)]
    assert [7] == registry.asked


def test_what_is_not_there_is_asked_again_when_it_is_needed_again_and_may_be_there_then():
    registry = Registry()
    asking = Asking(registry, Told())
    assert awaited(asking, 7) is None
    registry.answers[7] = "schema"
    assert "schema" == awaited(asking, 7)
    assert [7, 7] == registry.asked


def test_a_registry_that_is_away_is_asked_until_it_answers_and_people_are_told():
    registry, told = Registry(_7="schema"), Told()
    registry.away = 3
    assert "schema" == awaited(Asking(registry, told), 7)
    assert ["nobody there"] * 3 + ["ended"] == told.lines


def test_a_schema_that_is_refused_is_refused_to_everybody_and_asked_for_once():
    registry = Registry(_7=SchemaRefused("is none of ours"))
    asking = Asking(registry, Told())
    for _ in range(2):
        with pytest.raises(SchemaRefused):
            awaited(asking, 7)
    assert [7] == registry.asked


def test_a_defect_reaches_whoever_reads_instead_of_leaving_it_waiting():
    asking = Asking(Registry(_7=RuntimeError("a defect")), Told())
    with pytest.raises(RuntimeError, match="a defect"):
        awaited(asking, 7)


def test_waiting_ends_without_an_answer_when_it_is_stopped():
    registry, stopped = Registry(), threading.Event()
    registry.away = 10**9
    waiter = threading.Thread(target=until_answered, args=(lambda: registry.schema(7), Told(), stopped))
    waiter.start()
    stopped.set()
    waiter.join(SECONDS)
    assert not waiter.is_alive()
