"""Every reader understands every writer, whatever release each of them has; and the check can fail."""

import copy
import json
from itertools import product

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from schemas import topics
from schemas.compatibility import check_all, check_topic, clashes
from schemas.topics import RELEASED, TOPICS

SIDE = {"name": "side", "type": {"type": "enum", "name": "Side", "symbols": ["debit", "credit"]}, "doc": "d"}
WITH_ENUM = {**TOPICS[topics.JOURNAL].avsc(), "fields": [*TOPICS[topics.JOURNAL].avsc()["fields"], SIDE]}
NULLABLE_TEXT = {"name": "later", "type": ["null", "string"], "default": None, "doc": "d"}


def avro_allows(reader, writer):
    """What the avro library says about a reader and a writer."""
    checker = ReaderWriterCompatibilityChecker()
    result = checker.get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    return result.compatibility is SchemaCompatibilityType.compatible


def field(schema, name):
    """A field of a record by its name; a dot leads into the record inside."""
    head, _, rest = name.partition(".")
    found = next(item for item in schema["fields"] if item["name"] == head)
    if not rest:
        return found
    inner = found["type"][1] if isinstance(found["type"], list) else found["type"]
    return field(inner.get("items", inner), rest)


def journal(change):
    """A copy of the journal's schema, with an enum `side` of its own, after a change."""
    schema = copy.deepcopy(WITH_ENUM)
    change(schema)
    return schema


def without(*names):
    """A change that removes fields of the entry."""
    return lambda schema: schema.update(fields=[item for item in schema["fields"] if item["name"] not in names])


def retyped(name, new_type):
    """A change of a field's type."""
    return lambda schema: field(schema, name).update(type=new_type)


def symbols(*names):
    """A change of the symbols of `side`."""
    return lambda schema: field(schema, "side")["type"].update(symbols=list(names))


def added(new_field):
    """A change that adds a field."""
    return lambda schema: schema["fields"].append(new_field)


DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 38}
BREAKING = {
    "a required field removed": without("entity"),
    "a required field added without a default": added({"name": "later", "type": "string"}),
    "a type changed": retyped("entity", "long"),
    "a type narrowed": retyped("sequence", "int"),
    "a type widened": retyped("shard", "long"),
    "a nullable type made required": retyped("line_id", "string"),
    "a required type made nullable": retyped("entity", ["null", "string"]),
    "a field renamed": lambda schema: field(schema, "currency").update(name="ccy"),
    "an enum symbol dropped": symbols("debit"),
    "an enum symbol added": symbols("debit", "credit", "memo"),
    "a nested required field removed": lambda schema: field(schema, "lines")["type"]["items"]["fields"].pop(0),
    "an array made a single value": retyped("lineage.sources", "string"),
    "a nested type changed": retyped("window.start", "string"),
}
SILENT = {
    "the scale of an amount changed": retyped("lines.amount", {**DECIMAL, "scale": 2}),
    "an instant made a plain number": retyped("window.start", "long"),
}
HARMLESS = {
    "nothing": lambda schema: None,
    "an optional field added": added(NULLABLE_TEXT),
    "an optional field removed": without("correlation_id", "window"),
    "a doc changed": lambda schema: schema.update(doc="other"),
    "the order of fields changed": lambda schema: schema["fields"].reverse(),
}


def test_the_current_schemas_are_compatible_with_every_release_and_are_released():
    assert [] == check_all()


@pytest.mark.parametrize("topic", TOPICS)
def test_the_avro_library_agrees_on_every_release_in_both_directions(topic):
    current, released = TOPICS[topic].avsc(), TOPICS[topic].released()
    assert 1 in released
    for schema in released.values():
        assert avro_allows(reader=current, writer=schema)
        assert avro_allows(reader=schema, writer=current)


@pytest.mark.parametrize("topic", TOPICS)
def test_releases_are_numbered_from_one_without_gaps(topic):
    assert list(range(1, len(TOPICS[topic].released()) + 1)) == list(TOPICS[topic].released())
    assert {f"{number}.avsc" for number in TOPICS[topic].released()} == {
        file.name for file in (RELEASED / topic).iterdir()
    }


@pytest.mark.parametrize("what", BREAKING)
def test_a_breaking_change_is_found_and_the_avro_library_agrees(what):
    released, current = WITH_ENUM, journal(BREAKING[what])
    allowed = avro_allows(released, current) and avro_allows(current, released)
    assert not allowed
    directions = {problem.direction for problem in check_topic(topics.JOURNAL, current, {1: released})}
    assert directions & {"current reads released", "released reads current"}
    assert avro_allows(released, current) is not bool(clashes(reader=released, writer=current))
    assert avro_allows(current, released) is not bool(clashes(reader=current, writer=released))


@pytest.mark.parametrize("what", SILENT)
def test_a_change_of_meaning_is_found_although_the_avro_library_allows_it(what):
    released, current = WITH_ENUM, journal(SILENT[what])
    assert avro_allows(released, current)
    assert clashes(reader=released, writer=current)


@pytest.mark.parametrize("what", HARMLESS)
def test_a_harmless_change_is_allowed_by_both(what):
    released, current = WITH_ENUM, journal(HARMLESS[what])
    assert avro_allows(released, current)
    assert avro_allows(current, released)
    assert [] == clashes(reader=released, writer=current) + clashes(reader=current, writer=released)


def test_an_enum_with_a_default_may_grow():
    old, new = journal(symbols("debit", "credit")), journal(symbols("debit", "credit", "memo"))
    for schema in (old, new):
        field(schema, "side")["type"]["default"] = "debit"
    assert [] == clashes(reader=old, writer=new)


@pytest.mark.parametrize(("reader", "writer"), list(product(TOPICS, TOPICS)))
def test_the_check_agrees_with_the_avro_library_on_every_pair_of_topics(reader, writer):
    schemas = TOPICS[reader].avsc(), TOPICS[writer].avsc()
    assert avro_allows(*schemas) is not bool(clashes(*schemas))


def test_a_change_that_is_not_released_says_which_file_to_add():
    released, current = WITH_ENUM, journal(added(NULLABLE_TEXT))
    problems = check_topic(topics.JOURNAL, current, {1: released})
    assert ["release"] == [problem.direction for problem in problems]
    assert "copy schemas/avro/revenue.journal.avsc to schemas/released/revenue.journal/2.avsc" in problems[0].what


def test_a_change_is_checked_against_every_release_not_only_the_last():
    first, current = WITH_ENUM, journal(without("entity"))
    problems = check_topic(topics.JOURNAL, current, {1: first, 2: current})
    assert [1] == [problem.release for problem in problems]


def test_a_schema_that_was_never_released_is_a_problem():
    assert ["release"] == [problem.direction for problem in check_topic("x", TOPICS[topics.JOURNAL].avsc(), {})]


def test_a_record_inside_itself_ends():
    tree = {
        "type": "record",
        "name": "Tree",
        "fields": [{"name": "child", "type": ["null", "Tree"], "default": None}],
    }
    assert [] == clashes(tree, tree)
