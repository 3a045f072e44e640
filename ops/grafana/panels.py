"""The kinds of panels that the dashboards are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders.dashboard import DashboardLink
from grafana_foundation_sdk.models.common import (
    AxisPlacement,
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    GraphDrawStyle,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    LineInterpolation,
    SortOrder,
    StackingMode,
    TableCellHeight,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from ops.grafana.looks import COLOURS, GOOD, painted, steps, words

SOURCE = DataSourceRef("prometheus", "${datasource}")
AnyPanel: TypeAlias = Any  # the builders of the SDK share their methods and no base that names them
Worse = Sequence[tuple[float, str]]  # see looks.steps


def query(expr: str, legend: str = "", *, instant: bool = False) -> prometheus.Dataquery:
    """A PromQL query; `legend` names its series."""
    made = prometheus.Dataquery().expr(expr).legend_format(legend or "__auto").datasource(SOURCE)
    return made.instant() if instant else made.range()


def grown(series: str, by: str = "") -> str:
    """What a counter has grown by in the range shown, by labels; a series that is new in it counts from zero."""
    summed = f"sum by ({by}) " if by else "sum"
    total = f"{summed}({series})"
    return f"{total} - ({summed}({series} offset $__range) or 0 * {total})"


def lines(title: str, about: str, unit: str, queries: Sequence[tuple[str, str]], **looks: Any) -> AnyPanel:
    """Series over time. `looks`: span, worse (drawn as lines), stacked, bars, stepped, coloured (names at
    the end of a legend that have a colour of their own), runbooks."""
    panel = timeseries.Panel().line_width(2).fill_opacity(12).span_nulls(False).show_points(VisibilityMode.AUTO)
    panel = _said(panel, title, about, unit, queries, looks).height(9)
    panel = panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.TABLE).placement(LegendPlacement.BOTTOM)
    panel = panel.legend(legend.show_legend(True).calcs(["lastNotNull", "max"]))
    if looks.get("worse"):
        shown = common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds(steps(*looks["worse"], best="transparent")).thresholds_style(shown)
    if looks.get("stacked"):
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A")).fill_opacity(45)
    if looks.get("bars"):
        panel = panel.draw_style(GraphDrawStyle.BARS).fill_opacity(80).line_width(1)
    if looks.get("stepped"):
        panel = panel.line_interpolation(LineInterpolation.STEP_AFTER)
    for name in (*(legend for _, legend in queries if legend in COLOURS), *looks.get("coloured", ())):
        panel = panel.override_by_regexp(f"/(^|, ){name}$/", painted(COLOURS[name]))
    return panel


def figure(title: str, about: str, unit: str, expr: str, worse: Worse = (), **looks: Any) -> AnyPanel:
    """One figure, or one for each series; grey without thresholds. `looks`: span, best, meaning, legend, runbooks, decimals."""
    panel = stat.Panel().color_mode(BigValueColorMode.BACKGROUND_SOLID if worse else BigValueColorMode.VALUE)
    panel = _said(panel, title, about, unit, [(expr, looks.get("legend", ""))], looks).height(4)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    panel = panel.graph_mode(BigValueGraphMode.NONE if looks.get("meaning") else BigValueGraphMode.AREA)
    if looks.get("legend"):
        panel = panel.text_mode(BigValueTextMode.VALUE_AND_NAME)
    if "decimals" in looks:
        panel = panel.decimals(looks["decimals"])
    if looks.get("meaning"):
        panel = panel.mappings([words(looks["meaning"])])
    panel = panel.no_value("none")
    return panel.thresholds(steps(*worse, best=looks.get("best", GOOD if worse else "text")))


def spread(title: str, about: str, unit: str, histogram: str, **looks: Any) -> AnyPanel:
    """How durations are spread over time: one column an interval, the brighter the more. `histogram`: a metric's name."""
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64).reverse(False)
    expr = f"sum by (le) (increase({histogram}_bucket[$__rate_interval]))"
    panel = _said(heatmap.Panel(), title, about, unit, [], looks).height(9)
    panel = panel.with_target(query(expr, "{{le}}").format(PromQueryFormat.HEATMAP))
    axis = heatmap.YAxisConfig().axis_placement(AxisPlacement.LEFT).unit(unit)
    panel = panel.color(colours.scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5)).y_axis(axis)
    panel = panel.filter_values(heatmap.FilterValueRange().le(1e-9)).cell_gap(1)
    panel = panel.cell_values(heatmap.CellValues().unit("short").decimals(0))
    return panel.show_tooltip().show_y_histogram().show_legend()


def shares(title: str, about: str, unit: str, expr: str, legend: str, **looks: Any) -> AnyPanel:
    """One bar for each series. `looks`: span, worse, best, most, runbooks."""
    panel = bargauge.Panel().display_mode(BarGaugeDisplayMode.BASIC).orientation(VizOrientation.HORIZONTAL)
    panel = _said(panel, title, about, unit, [(expr, legend)], looks).height(9)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)).min(0)
    if "most" in looks:
        panel = panel.max(looks["most"])
    return panel.thresholds(steps(*looks.get("worse", ()), best=looks.get("best", GOOD)))


def states(
    title: str, about: str, queries: Sequence[tuple[str, str]], meaning: Mapping[str, Any], **looks: Any
) -> AnyPanel:
    """When what was in which state."""
    panel = _said(statetimeline.Panel(), title, about, "none", queries, looks).height(9).fill_opacity(80).line_width(0)
    legend = common.VizLegendOptions().show_legend(False).display_mode(LegendDisplayMode.HIDDEN)
    return panel.mappings([words(dict(meaning))]).row_height(0.85).legend(legend.placement(LegendPlacement.BOTTOM))


def rows(title: str, about: str, columns: Sequence[tuple[str, str, str]], by: Sequence[str], **looks: Any) -> AnyPanel:
    """A table: labels `by`, then a column for each (name, unit, expression), joined on them."""
    panel = _said(table.Panel(), title, about, "short", [], looks).height(9).cell_height(TableCellHeight.SM)
    for name, _, expr in columns:
        made = query(expr, name, instant=True).format(PromQueryFormat.TABLE).ref_id(name)
        panel = panel.with_target(made)
    hidden = {"Time": True, **{f"Time {number}": True for number in range(1, len(columns) + 1)}}
    named = {f"Value #{name}": name for name, _, _ in columns} | {"Value": columns[0][0]}
    order = {label: at for at, label in enumerate([*by, *(f"Value #{name}" for name, _, _ in columns)])}
    panel = panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    shown = {"excludeByName": hidden, "renameByName": named, "indexByName": order}
    panel = panel.with_transformation(DataTransformerConfig(id_val="organize", options=shown))
    for name, unit, _ in columns:
        panel = panel.override_by_name(name, [DynamicConfigValue("unit", unit)])
    return panel


def _said(
    panel: AnyPanel,
    title: str,
    about: str,
    unit: str,
    queries: Sequence[tuple[str, str]],
    looks: Mapping[str, Any],
) -> AnyPanel:
    """What every panel has: a title, what it means and when to worry, a unit, its queries, its place and its runbooks."""
    panel = panel.title(title).description(about).unit(unit).datasource(SOURCE).span(looks.get("span", 8))
    for number, (expr, legend) in enumerate(queries):
        panel = panel.with_target(query(expr, legend).ref_id(chr(ord("A") + number)))
    books = [
        DashboardLink(f"Runbook: {alert}")
        .type(DashboardLinkType.LINK)
        .url(f"${{runbooks}}/{alert}.md")
        .target_blank(True)
        for alert in looks.get("runbooks", ())
    ]
    return panel.links(books) if books else panel
