"""Usage by the million: what is asked of it is that it is quickly written."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from ops.bench.feed import METERS


def usage_lines(numbers: pl.Series, customers: int, begin: datetime, step_us: int, name: str = "evt") -> pl.Series:
    """The lines of unique events by number: one every `step_us` microseconds from `begin` on, of the customers in turn."""
    at = pl.lit(begin.replace(tzinfo=None)) + pl.duration(microseconds=pl.col("n") * step_us)
    line = pl.concat_str(
        pl.lit(f'{{"event_id":"{name}-'), pl.col("n"), pl.lit('","source":"meter-a","customer_id":"cust-'),
        pl.col("n") % customers, pl.lit('","contract_id":null,"meter":"api'), pl.col("n") % METERS,
        pl.lit('","quantity":"'), pl.col("n") % 50, pl.lit('.5","event_time":"'),
        at.dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"), pl.lit('"}'),
    )  # fmt: skip
    return numbers.to_frame("n").select(line.alias("line")).to_series()
