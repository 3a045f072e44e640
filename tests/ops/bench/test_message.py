"""The benchmark's messages are what a serializer would write."""

import io

import fastavro
import pytest

from ops.bench.feed import Drawn, FeedSize
from ops.bench.message import encoder
from schemas.topics import TOPICS, USAGE


@pytest.mark.parametrize("customers", [1, 130, 100_000])
def test_a_message_is_what_fastavro_writes(customers: int) -> None:
    schema, message = fastavro.parse_schema(TOPICS[USAGE].avsc()), encoder(7)
    for draw in Drawn(FeedSize(300, customers, seed=customers)):
        written = io.BytesIO()
        fastavro.schemaless_writer(written, schema, draw.record())
        assert b"\x00\x00\x00\x00\x07" + written.getvalue() == message(draw)
