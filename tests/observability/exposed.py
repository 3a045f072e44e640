"""What the processor exposes to Prometheus: every name, with its labels; the live test compares it with the real thing."""

from tests.support.promql import Series

SHARD, WHERE = ("shard",), ("shard", "entity", "currency")
COUNTERS = {
    **{f"accrual_events_{name}": SHARD for name in ("read", "counted", "duplicate", "late", "expired")},
    "accrual_events_excepted": ("shard", "class"),
    "accrual_journal_entries": (*WHERE, "kind"),
    "accrual_journal_debits": (*WHERE, "kind"),
    "accrual_postings_amount": (*WHERE, "account", "kind", "side"),
    "accrual_exceptions_opened": ("shard", "class", "owner"),
    "accrual_exceptions_resolved": ("shard", "class", "owner"),
    "accrual_output_records": ("shard", "topic"),
    "accrual_recalculations": ("shard", "cause", "treatment"),
    "accrual_recalculated_amount": ("shard", "currency", "cause", "direction"),
    "accrual_closed_period_entries": WHERE,
    "accrual_closed_period_amount": WHERE,
    "accrual_step_cpu_seconds": ("step",),
    "accrual_restarts": ("cause",),
    "accrual_replay_records": (),
    "process_cpu_seconds": (),
}
GAUGES = {
    "accrual_events_parked": SHARD,
    "accrual_events_unplaced": SHARD,
    "accrual_exceptions_open": ("shard", "class", "owner"),
    "accrual_exceptions_past_due": ("class", "owner"),
    "accrual_exceptions_oldest_seconds": ("class", "owner"),
    "accrual_outbox_records": ("shard", "topic"),
    "accrual_applied_offset": ("topic", "partition"),
    "accrual_watermark_seconds": ("topic", "partition"),
    "accrual_input_lag_records": ("topic", "partition"),
    "accrual_business_date_seconds": (),
    "accrual_state_bytes": SHARD,
    "accrual_position_amount": ("entity", "currency", "account"),
    "accrual_erp_answers": ("shard", "entity", "status"),
    "accrual_erp_unmatched_entries": ("entity",),
    "accrual_erp_unknown_entries": (),
    "accrual_erp_unmatched_oldest_seconds": ("entity",),
    "accrual_build_info": ("version", "generation", "workers"),
    "accrual_ready": (),
    "accrual_source_away": (),
    "accrual_sink_away": (),
    "accrual_replay_progress_ratio": (),
    "accrual_replay_differences": ("account",),
    "accrual_replay_left_seconds": (),
    "process_resident_memory_bytes": (),
}
HISTOGRAMS = {
    "accrual_step_seconds": ("step",),
    "accrual_event_to_journal_seconds": (),
    "accrual_amendment_to_recalculation_seconds": (),
    "accrual_contract_to_first_revenue_seconds": (),
}
PROMETHEUS = ("instance", "job")  # what Prometheus adds to each


def exposed() -> Series:
    """Every series by its full name, with all labels that it has."""
    found = {f"{name}_total": labels for name, labels in COUNTERS.items()} | dict(GAUGES)
    for name, labels in HISTOGRAMS.items():
        found |= {f"{name}_bucket": (*labels, "le"), f"{name}_sum": labels, f"{name}_count": labels}
    series = {name: frozenset((*labels, *PROMETHEUS)) for name, labels in found.items()}
    own = {
        "up": frozenset(PROMETHEUS),
        "ALERTS": frozenset(("alertname", "alertstate", "severity", "owner", *PROMETHEUS)),
    }
    return series | own
