"""Keys of a shard's store: one letter per table, then the parts that give the order of a scan.

Numbers are big-endian with the sign bit flipped, so that bytes order as numbers do. Names are hashed to 128 bits with
their lengths, so that ("a", "bc") and ("ab", "c") differ.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

META = b"m"  # name -> value
APPLIED = b"a"  # topic/partition -> Applied
SEQUENCE = b"s"  # topic -> last sequence
OUTBOX = b"o"  # topic, sequence -> record
SEEN = b"d"  # stretch of event time, chunk -> identities
HEADS = b"D"  # stretch of event time, block -> the first bits of many identities
CONTRACT = b"c"  # customer, contract, version -> ContractRecord
CELL = b"u"  # feed, cell start, contract -> Cell
FEED = b"f"  # customer, meter -> FeedRecord
DUE = b"w"  # instant, feed -> FeedName
BOOKED = b"p"  # line, window start -> Booked
BASE = b"b"  # line -> LineBase
PARKED = b"k"  # customer, topic, partition, offset -> ParkedUsage
OPEN = b"x"  # exception id -> the open exception
CLOSED = b"l"  # entity, period -> ClosedPeriod
REFERENCE = b"r"  # topic partition, offset -> StoredReference
POLICY = b"y"  # position in the control topic -> StoredPolicy
EFFECT = b"e"  # contract, instant, line -> Effect
SCHEDULE = b"t"  # instant, contract -> when a contract is due
BILLING = b"i"  # customer, source and event id -> StoredBilling
WAITING = b"v"  # instant, contract -> billing that waits for a clock record which is to come
CORRECTED = b"g"  # source and event id of a correction that is posted
REVISED = b"n"  # line and window start, or contract -> last revision in the journal beside a rebuilt state
ENTRY = b"j"  # entry id -> the journal entry and the ERP's answer to it
ANSWER = b"q"  # answers of the ERP that wait for their entry (dataflows/erp_postings.py)
UNANSWERED = b"z"  # hour, entity -> how many entries of then have no answer
HELD = b"h"  # customer, contract, line, class -> an open exception about master data


def number(value: int) -> bytes:
    """A signed 64-bit number whose bytes order as the numbers do."""
    return (value + 2**63).to_bytes(8, "big")


def from_number(data: bytes) -> int:
    """The number back."""
    return int.from_bytes(data, "big") - 2**63


@lru_cache(maxsize=16_384)
def name(*parts: str) -> bytes:
    """128 bits that stand for a tuple of names; those of a contract are asked for again and again."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        text = part.encode()
        digest.update(b"%d:" % len(text))
        digest.update(text)
    return digest.digest()
