"""Identity: stable hashes for dedupe and for the split by customer, of columns and of single records.

Identity is xxh3_128 of customer, source and event_id; the fingerprint, which a redelivery must repeat, xxh3_128 of
customer, contract (null is not ""), meter, quantity with 18 fraction digits, event_time and canonical dimensions. The
hashed texts begin with the lengths in bytes of their parts, so that no two records share one (native/src/identity.rs).
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from accounting.contract import QUANTITY_SCALE
from schemas import native
from schemas.decimals import scaled

# Halves of identity and fingerprint, which numpy can hold, and the number that a customer's shard follows from.
MARKS: dict[str, pl.DataType] = dict.fromkeys(("high", "low", "print_high", "print_low", "home"), pl.UInt64())


def identified(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows of `UsageColumns` with the columns MARKS; those that have them already are as they are."""
    return rows if "home" in rows.columns else rows.hstack(pl.DataFrame(native.identify(rows)))


def customer_shards(rows: pl.DataFrame, shards: int) -> NDArray[np.uint64]:
    """The shard of each row's customer in 0..shards-1, of rows that are identified."""
    found: NDArray[np.uint64] = rows["home"].to_numpy() % np.uint64(shards)
    return found


def customer_shard_of(customer_id: str, shards: int) -> int:
    """The same of a single customer: xxh3_64 of the id modulo `shards`.

    Raises ValueError unless `shards` is at least 1.
    """
    if shards < 1:
        raise ValueError(f"shards must be at least 1, got {shards}")
    return native.home_of(customer_id) % shards


def id128_of(customer_id: str, source: str, event_id: str) -> int:
    """The identity of a single record, high << 64 | low."""
    return native.identity(customer_id, source, event_id)


def fingerprint_of(
    customer_id: str,
    contract_id: str | None,
    meter: str,
    quantity: Decimal,
    event_time: int,
    dimensions: str,
) -> int:
    """The fingerprint of a single record, print_high << 64 | print_low. `event_time` in microseconds UTC."""
    return native.fingerprint(customer_id, contract_id, meter, scaled(quantity, QUANTITY_SCALE), event_time, dimensions)
