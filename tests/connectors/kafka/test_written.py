"""What we say as messages: never more than a topic takes."""

import base64
import json

from connectors.kafka.forms import Forms
from connectors.kafka.messages import Messages
from connectors.kafka.registry import FileRegistry
from connectors.kafka.topics import MESSAGE_BYTES
from connectors.kafka.written import PAYLOAD_BYTES, OutputWriter
from schemas.topics import EXCEPTIONS


def written(payload: bytes):
    record = {"exception_id": "x", "shard": 0, "sequence": 1, "class": "undecodable", "severity": "error", "owner": "o",
              "status": "open", "reason": "because", "payload": base64.b64encode(payload).decode()}  # fmt: skip
    key, value, _ = OutputWriter(EXCEPTIONS, FileRegistry()).message(json.dumps(record).encode())
    assert key is None
    assert len(value) < MESSAGE_BYTES
    return Messages([value], Forms(EXCEPTIONS, FileRegistry())).outcomes(EXCEPTIONS)[0]


def test_a_payload_is_there_byte_for_byte():
    found = written(bytes(range(256)) * (PAYLOAD_BYTES // 256))
    assert (bytes(range(256)) * (PAYLOAD_BYTES // 256), "because") == (found.payload, found.reason)


def test_of_a_payload_that_no_topic_takes_the_beginning_is_there_and_its_size_is_said():
    found = written(b"ab" * PAYLOAD_BYTES)
    assert b"ab" * (PAYLOAD_BYTES // 2) == found.payload
    assert found.reason == f"because (the payload is the first 8388608 of its {2 * PAYLOAD_BYTES} bytes)"
