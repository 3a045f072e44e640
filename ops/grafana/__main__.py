"""`python -m ops.grafana` writes the dashboards anew, from what this package says."""

from __future__ import annotations

from pathlib import Path

from ops.grafana import exceptions, flow, money, recovery
from ops.grafana.page import Page

DASHBOARDS = Path(__file__).parent / "dashboards"
FILES = {
    "flow": flow.page,
    "money": money.page,
    "exceptions": exceptions.page,
    "replay_and_recovery": recovery.page,
}


def pages() -> dict[str, Page]:
    """The dashboards by the name of their file."""
    return {name: made() for name, made in FILES.items()}


def main() -> None:
    """Write them."""
    DASHBOARDS.mkdir(exist_ok=True)
    for name, page in pages().items():
        (DASHBOARDS / f"{name}.json").write_text(page.json, encoding="utf-8")


if __name__ == "__main__":
    main()
