"""Identity: stable hashes for dedupe and for the split by customer, of columns and of single records.

The hashed text begins with the lengths in bytes of all texts but the last, so that no two records share one.
"""

from __future__ import annotations

from decimal import Decimal

import polars as pl
from polars_hash import NonCryptographicHashingNameSpace as Hashes

from schemas.usage_columns import SCHEMA


def id128() -> pl.Expr:
    """The identity of a usage row within its customer as UInt128: xxh3_128 of customer, source, event.

    Reads those columns of `UsageColumns.rows`; the result is named "id128".
    """
    customer, source, event = pl.col("customer_id"), pl.col("source"), pl.col("event_id")
    text = pl.format("{},{};{}{}{}", _length(customer), _length(source), customer, source, event)
    return Hashes(text).xxh3_128().alias("id128")


def fingerprint() -> pl.Expr:
    """The normalised content of a usage row as UInt128: what a redelivery must repeat.

    xxh3_128 over customer_id, contract_id (null is not ""), meter, quantity, event_time and canonical
    dimensions, read from those columns of `UsageColumns.rows`; the result is named "fingerprint".
    """
    customer, contract, meter = pl.col("customer_id"), pl.col("contract_id"), pl.col("meter")
    text = pl.format(
        "{},{},{};{};{};{}{}{}{}",
        _length(customer),
        _length(contract).cast(pl.String).fill_null("-"),  # else a null would make the whole text null
        _length(meter),
        pl.col("quantity").cast(pl.String),  # always 18 fraction digits
        pl.col("event_time"),
        customer,
        contract.fill_null(""),
        meter,
        pl.col("dimensions"),
    )
    return Hashes(text).xxh3_128().alias("fingerprint")


def customer_shard(customer_id: pl.Expr, shards: int) -> pl.Expr:
    """The shard of a customer as UInt32 in 0..shards-1: xxh3_64 of the id modulo `shards`; null for null.

    Raises ValueError unless `shards` is at least 1.
    """
    if shards < 1:
        raise ValueError(f"shards must be at least 1, got {shards}")
    return (Hashes(customer_id).xxh3_64() % shards).cast(pl.UInt32)


def id128_of(customer_id: str, source: str, event_id: str) -> int:
    """The same value as `id128` for a single record."""
    return _single(id128(), customer_id=customer_id, source=source, event_id=event_id)


def fingerprint_of(
    customer_id: str,
    contract_id: str | None,
    meter: str,
    quantity: Decimal,
    event_time: int,
    dimensions: str,
) -> int:
    """The same value as `fingerprint` for a single record. `event_time` in microseconds UTC."""
    return _single(
        fingerprint(),
        customer_id=customer_id,
        contract_id=contract_id,
        meter=meter,
        quantity=quantity,
        event_time=event_time,
        dimensions=dimensions,
    )


def customer_shard_of(customer_id: str, shards: int) -> int:
    """The same value as `customer_shard` for a single customer."""
    return _single(customer_shard(pl.col("customer_id"), shards), customer_id=customer_id)


def _single(expression: pl.Expr, **values: object) -> int:
    """The value of an expression over one row: the same implementation cannot give another value."""
    columns = [pl.Series(name, [value], dtype=SCHEMA[name]) for name, value in values.items()]
    return int(pl.DataFrame(columns).select(expression).item())


def _length(text: pl.Expr) -> pl.Expr:
    return text.str.len_bytes()
