"""A schema registry is asked for what it knows; what is no answer to the question is never taken for one."""

import base64
import copy
import json
import subprocess

import pytest

from connectors.errors import RegistryRefuses, RegistryUnreachable
from connectors.kafka import rest
from connectors.kafka.forms import Forms, SchemaRefused
from connectors.kafka.registry_server import RegistryServer, subject_of
from connectors.kafka.rest import RegistryAddress
from ops.acting.schema_register import registered
from schemas.fault import Fault
from schemas.topics import JOURNAL, TOPICS, USAGE
from tests.support import registry
from tests.support.canned import Canned

GOOD = {"type": "record", "name": "A", "fields": [{"name": "a", "type": "string"}]}
NEWER = {**GOOD, "fields": [*GOOD["fields"], {"name": "b", "type": "int", "default": 0}]}
WRONG = {**GOOD, "fields": [*GOOD["fields"], {"name": "b", "type": "string"}]}
UNKNOWN = 4_000_000_000


@pytest.fixture(scope="module")
def server():
    return RegistryServer(RegistryAddress(registry.registry().url))


def test_what_is_registered_is_found_by_its_number_and_once_more_it_has_the_same(server):
    subject = registry.subject()
    assert server.registered(subject, GOOD) is None
    server.guard(subject)
    first, second = server.register(subject, GOOD), server.register(subject, NEWER)
    assert first != second
    assert (first, second) == (server.register(subject, GOOD), server.register(subject, NEWER))
    assert (first, second) == (server.registered(subject, GOOD), server.registered(subject, NEWER))
    assert [GOOD, NEWER] == [server.schema(first), server.schema(second)]


def test_what_does_not_go_with_the_others_is_refused_with_the_reason(server):
    subject = registry.subject()
    server.guard(subject)
    server.register(subject, GOOD)
    with pytest.raises(RegistryRefuses, match=rf"does not take a schema of {subject}: .*[Ii]ncompatible"):
        server.register(subject, WRONG)
    assert server.registered(subject, WRONG) is None


def test_a_number_that_was_never_given_has_no_schema_and_messages_with_it_are_faulty(server):
    assert server.schema(UNKNOWN) is None
    fault = Forms(USAGE, server).of(UNKNOWN)
    assert isinstance(fault, Fault)
    assert "schema_unknown" == fault.cls


def test_the_number_of_a_topic_is_that_of_its_current_schema_once_it_is_registered(server):
    with pytest.raises(RegistryRefuses, match=r"subject revenue.journal-value.*accrual schemas register"):
        RegistryServer(RegistryAddress(registry.registry().url)).number(JOURNAL)
    found = [one for topic in TOPICS.values() for one in registered(server, topic)]
    assert {(topic, number) for topic in TOPICS for number in TOPICS[topic].released()} == {
        (one.topic, one.release) for one in found
    }
    assert {one.id for one in found if one.topic == JOURNAL and one.release == max(TOPICS[JOURNAL].released())} == {
        server.number(JOURNAL)
    }
    assert TOPICS[JOURNAL].avsc() == server.schema(server.number(JOURNAL))
    again = [one for topic in TOPICS.values() for one in registered(server, topic)]
    assert [one.id for one in found] == [one.id for one in again]
    assert not any(one.new for one in again)


def test_our_next_schema_of_a_topic_would_be_refused_if_old_readers_could_not_read_it(server):
    list(registered(server, TOPICS[USAGE]))
    wrong = copy.deepcopy(TOPICS[USAGE].avsc())
    wrong["fields"].append({"name": "must", "type": "string"})
    with pytest.raises(RegistryRefuses, match=rf"{subject_of(USAGE)}: .*must"):
        server.register(subject_of(USAGE), wrong)


# -- what is no answer


def gives(said: Canned, **more) -> RegistryServer:
    return RegistryServer(RegistryAddress(said.url, **more))


NONE = json.dumps({"error_code": 40403, "message": "Schema not found"}).encode()


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (404, b"<html>not here</html>", "path of the URL"),
        (404, b'{"message": "no such page"}', "path of the URL"),
        (404, json.dumps({"error_code": 404, "message": "HTTP 404 Not Found"}).encode(), "HTTP 404 Not Found"),
        (401, NONE, "401: the credentials in registry_secrets are missing or wrong"),
        (403, NONE, "403"),
        (429, NONE, "429"),
        (500, NONE, "500"),
        (503, b"", "503"),
        (200, b"<html>hello</html>", "JSON"),
        (200, b"[" * 100_000, "JSON"),
        (200, b"[]", "something else"),
        (200, b'{"schema": 7}', "something else"),
    ],
)
def test_only_the_registrys_own_word_says_that_a_schema_is_not_there(status, body, why):
    with Canned(status, body) as said, pytest.raises(RegistryUnreachable, match=f"{said.url} gives no answer: .*{why}"):
        gives(said).schema(7)


def test_its_own_word_is_believed():
    with Canned(404, NONE) as said:
        assert gives(said).schema(7) is None


@pytest.mark.parametrize("path", ["/schemas/ids/7", "http://example.invalid/"])
def test_a_redirect_is_not_followed(path):
    with Canned(302, b"", {"Location": path}) as said, pytest.raises(RegistryUnreachable, match="302"):
        gives(said).schema(7)
    assert 1 == len(said.came)


def test_one_that_listens_and_says_nothing_is_given_up_after_a_while(monkeypatch):
    monkeypatch.setattr(rest, "ANSWER_S", 0.2)
    with Canned() as said:
        said.open.clear()
        with pytest.raises(RegistryUnreachable, match="timed out"):
            gives(said).schema(7)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"schema": "{}", "schemaType": "PROTOBUF"}, "is PROTOBUF, not Avro"),
        ({"schema": "{}", "references": [{"name": "common.Money"}]}, r"refers to other schemas \(common.Money\)"),
        ({"schema": "syntax = proto3"}, "is no JSON"),
    ],
)
def test_a_schema_that_is_none_of_ours_is_refused_by_name(body, why):
    with Canned(200, json.dumps(body).encode()) as said:
        with pytest.raises(SchemaRefused, match=why):
            gives(said).schema(7)
        fault = Forms(USAGE, gives(said)).of(7)
    assert isinstance(fault, Fault)
    assert ("schema_unknown", True) == (fault.cls, fault.reason.startswith("schema 7 "))


def test_a_schema_that_is_known_is_not_asked_for_again():
    with Canned(200, json.dumps({"schema": json.dumps(GOOD)}).encode()) as said:
        asked = gives(said)
        assert [GOOD, GOOD] == [asked.schema(7), asked.schema(7)]
    assert 1 == len(said.came)


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ({}, None),
        ({"user": "u", "password": "geheim"}, "Basic " + base64.b64encode(b"u:geheim").decode()),
        ({"token": "geheim"}, "Bearer geheim"),
    ],
)
def test_credentials_go_to_the_registry_and_into_no_message(secrets, expected):
    with Canned(401) as said:
        address = RegistryAddress(said.url, secrets)
        with pytest.raises(RegistryUnreachable) as caught:
            RegistryServer(address).schema(7)
    assert expected == said.came[0].get("Authorization")
    assert "geheim" not in str(caught.value) + repr(address)


def test_a_registry_with_tls_is_believed_by_the_certificates_that_are_named(tmp_path):
    import ssl

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trust.load_cert_chain(certificate, key)
    with Canned(404, NONE, trust=trust) as said:
        assert gives(said, ca=certificate).schema(7) is None
        with pytest.raises(RegistryUnreachable, match="certificate"):
            gives(said).schema(7)
