"""Contract versions, their lines and their rates, as values.

Instants are integers: microseconds since 1970-01-01T00:00:00Z. Quantities are integers in units of 1e-18
(decimal(38,18)), unit prices in units of 1e-12, fixed amounts in the currency's minor units (cents of USD, yen of
JPY, fils of KWD). Terms are half-open: [start, end).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from accounting.trace import UNTRACED, Trace

QUANTITY_SCALE = 18
PRICE_SCALE = 12


class VersionKind(StrEnum):
    """What a contract version records (events.md, contracts.events)."""

    ACTIVATED = "activated"
    AMENDED = "amended"
    RENEWED = "renewed"
    CANCELLED = "cancelled"


class LineKind(StrEnum):
    """How a line (performance obligation) is recognised."""

    RATABLE = "ratable"
    USAGE = "usage"
    POINT_IN_TIME = "point_in_time"
    MILESTONE = "milestone"
    CREDITS = "credits"


class Aggregation(StrEnum):
    """How the usage of a billing period becomes one quantity."""

    SUM = "sum"
    COUNT = "count"
    MAX = "max"
    LAST = "last"
    UNIQUE = "unique"
    WEIGHTED_SUM = "weighted_sum"


class RateModel(StrEnum):
    """How a quantity becomes an amount."""

    PER_UNIT = "per_unit"
    GRADUATED = "graduated"
    VOLUME = "volume"
    PACKAGE = "package"


class BillingPeriod(StrEnum):
    """The span over which rating is cumulative; anchored to the line's start."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    TERM = "term"


@dataclass(frozen=True, slots=True)
class Tier:
    """One tier of a price list. `up_to` is cumulative and inclusive, None = no upper end."""

    up_to: int | None  # 1e-18 units
    unit_price: int  # 1e-12 of the currency's major unit
    flat_fee: int  # 1e-12 of the currency's major unit


@dataclass(frozen=True, slots=True)
class Rate:
    """The price of a usage line."""

    meter: str
    aggregation: Aggregation
    billing_period: BillingPeriod
    model: RateModel
    unit_price: int | None = None  # 1e-12
    tiers: tuple[Tier, ...] = ()
    package_size: int | None = None  # 1e-18
    package_price: int | None = None  # 1e-12
    included: int = 0  # 1e-18, units free of charge in each billing period
    minimum: int | None = None  # minor units for each billing period
    maximum: int | None = None  # minor units for each billing period
    unique_key: str | None = None  # the dimension that `unique` counts; None: the one named "unique_key"


@dataclass(frozen=True, slots=True)
class Line:
    """One performance obligation of a contract version."""

    line_id: str
    product_id: str
    kind: LineKind
    start: int
    end: int | None  # None: open-ended (usage lines only)
    quantity: int | None = None  # 1e-18
    total: int | None = None  # minor units over the whole term
    ssp: int | None = None  # minor units over the same term
    distinct: bool | None = None
    method: str | None = None
    satisfied_at: int | None = None
    progress: tuple[int, int] | None = None  # incurred, expected (both 1e-18)
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable amount: its estimate, already constrained, and the lines it relates to (none: all)."""

    variable_id: str
    estimate: int  # minor units
    line_ids: tuple[str, ...] = ()
    resolved_at: int | None = None


@dataclass(frozen=True, slots=True)
class Modification:
    """How the step from the previous version is to be treated (events.md, modification)."""

    treatment: str = "auto"  # auto, separate_contract, prospective, cumulative_catch_up
    reason: str | None = None
    approved_by: str | None = None
    past_credit: int | None = None  # minor units: the price change that settles goods already delivered
    requested_by: str | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """Where the books start for a contract taken over in mid-life."""

    as_of: int
    recognised: int  # minor units
    billed: int  # minor units


@dataclass(frozen=True, slots=True)
class ContractVersion:
    """The whole contract as of one version: idempotent, ordered by `version` (1..n)."""

    contract_id: str
    version: int
    kind: VersionKind
    known_at: int  # when it was signed or became known (event_time)
    effective_at: int  # may lie before known_at (retroactive) or after it (scheduled)
    customer_id: str
    entity: str
    currency: str
    start: int
    end: int | None
    lines: tuple[Line, ...]
    trace: Trace = field(default=UNTRACED, compare=False)
    variable: tuple[Variable, ...] = ()
    modification: Modification | None = None
    opening: Opening | None = None
    combined_with: str | None = None  # another contract of the customer, agreed together with it; version 1 says so
