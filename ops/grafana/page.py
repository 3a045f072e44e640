"""What the dashboards have in common: their links, variables, annotations and rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, Row
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from ops.grafana.looks import BAD
from ops.grafana.panels import SOURCE, AnyPanel

TAG = "accrual"
RUNBOOKS = "/public/runbook"  # where Grafana's own server finds ops/runbook
# The series that a variable takes its values from.
VARIABLES = {
    "entity": "accrual_journal_entries_total",
    "currency": "accrual_journal_entries_total",
    "owner": "accrual_exceptions_open",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One dashboard: `name` is the end of its address; rows by title."""

    name: str
    title: str
    about: str
    variables: tuple[str, ...]
    rows: Sequence[tuple[str, Sequence[AnyPanel]]]
    refresh: str = "10s"
    since: str = "now-1h"

    @property
    def json(self) -> str:
        """The dashboard as Grafana reads it."""
        return json.dumps(self._built().build(), cls=JSONEncoder, sort_keys=True, indent=2, ensure_ascii=False) + "\n"

    def _built(self) -> Dashboard:
        made = Dashboard(f"accrual: {self.title}").uid(f"accrual-{self.name}").description(self.about).tags([TAG])
        made = made.timezone("browser").time(self.since, "now").refresh(self.refresh).editable()
        made = made.tooltip(DashboardCursorSync.CROSSHAIR)
        others = DashboardLink("accrual").type(DashboardLinkType.DASHBOARDS).tags([TAG])
        made = made.link(others.as_dropdown(False).keep_time(True).include_vars(True))
        made = made.with_variable(_source()).with_variable(_runbooks())
        for name in self.variables:
            made = made.with_variable(_values(name))
        alerts = dashboard.AnnotationQuery().name("Alerts").datasource(SOURCE).enable(True).icon_color(BAD)
        made = made.annotation(alerts.expr('ALERTS{alertname=~"Accrual.*", alertstate="firing"}'))
        for title, panels in self.rows:
            made = made.with_row(Row(title))
            for panel in panels:
                made = made.with_panel(panel)
        return made


def _source() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")


def _runbooks() -> dashboard.TextBoxVariable:
    asked = dashboard.TextBoxVariable("runbooks").label("Runbooks").default_value(RUNBOOKS)
    asked = asked.current(VariableOption(text=RUNBOOKS, value=RUNBOOKS, selected=True))
    return asked.hide(VariableHide.HIDE_VARIABLE).description("Where the pages of ops/runbook are served")


def _values(name: str) -> dashboard.QueryVariable:
    asked = dashboard.QueryVariable(name).label(name.capitalize()).datasource(SOURCE)
    asked = asked.query(f"label_values({VARIABLES[name]}, {name})").refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    every = VariableOption(text=["All"], value=["$__all"], selected=True)
    return asked.multi(True).include_all(True).all_value(".*").sort(VariableSort.ALPHABETICAL_ASC).current(every)
