"""Snappy blocks of Avro are read, and damaged ones refused."""

import zlib

import fastavro
import pytest

from schemas.native import unsnapped
from schemas.topics import CONTROL, TOPICS, USAGE
from tests.connectors.test_files_avro import events, json_rows, pieces, rows, same
from tests.support.containers import as_avro, container, container_of


def snapped(data):
    """Data as a snappy block of Avro: literals of at most 60 bytes, and the checksum."""
    size, out = len(data), bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    for at in range(0, len(data), 60):
        part = data[at : at + 60]
        out += bytes([(len(part) - 1) << 2]) + part
    return bytes(out) + zlib.crc32(data).to_bytes(4, "big")


@pytest.mark.parametrize("topic", [USAGE, CONTROL])
def test_snappy_is_read(tmp_path, topic):
    made = events() if topic == USAGE else [{"kind": "clock", "as_of": "2025-02-01T00:00:00Z"}] * 50
    plain = container(tmp_path / "plain.avro", topic, [as_avro(topic, one) for one in made])
    with plain.open("rb") as file:
        packed = [(block.num_records, snapped(block.bytes_.getvalue())) for block in fastavro.block_reader(file)]
    path = tmp_path / "0.avro"
    path.write_bytes(container_of(TOPICS[topic].avsc(), "snappy", packed))
    if topic == USAGE:
        same(json_rows(tmp_path, made), rows(path))
    assert [one.outcomes(topic) for one in pieces(plain, topic)] == [one.outcomes(topic) for one in pieces(path, topic)]


def test_snappy_copies_repeat_what_was_written():
    assert b"abcabcabcabcx" == unsnapped(bytes([13, 2 << 2]) + b"abc" + bytes([(9 - 4) << 2 | 1, 3, 0]) + b"x", 100)
    assert b"ababab" == unsnapped(bytes([6, 1 << 2]) + b"ab" + bytes([3 << 2 | 2, 2, 0]), 100)


@pytest.mark.parametrize(
    "data", [b"", b"\x05\x10abc", b"\x03\x08abcd", b"\xff\xff\xff\xff\xff\x01", b"\x04\x00a\x01\x09"]
)
def test_broken_snappy_is_refused(data):
    with pytest.raises(ValueError, match=r"snappy|more than"):
        unsnapped(data, 100)
