"""The pictures of the dashboards: a real Prometheus, Grafana's panel components, a real Chromium."""

import json
import struct
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.grafana.screenshots.__main__ import DASHBOARDS
from ops.grafana.screenshots.errors import PictureMissing
from ops.grafana.screenshots.pictures import Panel, Picture, View, shoot
from ops.grafana.screenshots.project import built
from tests.support.lacking import lacking
from tests.support.remembering import remembering

END = int(datetime(2026, 3, 31, 12, tzinfo=UTC).timestamp())
EVERY, POINTS = 15, 240  # an hour
VIEW = View(width=1000, scale=2, since="now-30m", at=END)
REAL = sorted(DASHBOARDS.glob("*.json"))


def samples() -> str:
    """Two counters of 4 and 8 a minute, a histogram, and a gauge that is 0 in the middle third; all of two places."""
    lines: dict[str, list[str]] = {"records": [], "seconds": [], "answers": []}
    for place, rate in (("north", 1), ("south", 2)):
        for point in range(POINTS + 1):
            at, count = END - (POINTS - point) * EVERY, rate * point
            lines["records"].append(f'records_total{{place="{place}"}} {count} {at}')
            for bound, part in (("0.1", 0.25), ("1", 0.75), ("+Inf", 1)):
                lines["seconds"].append(f'seconds_bucket{{place="{place}",le="{bound}"}} {count * part} {at}')
            lines["seconds"] += [
                f'seconds_count{{place="{place}"}} {count} {at}', f'seconds_sum{{place="{place}"}} {count} {at}',
            ]  # fmt: skip
            lines["answers"].append(f'answers{{place="{place}"}} {int(not 80 < point < 160)} {at}')
    lines["seconds"].sort(key=lambda line: line.split(" ")[0])  # the samples of a series follow each other
    kinds = {"records": "counter", "seconds": "histogram", "answers": "gauge"}
    return "\n".join(
        [*(line for name, kind in kinds.items() for line in (f"# TYPE {name} {kind}", *lines[name])), "# EOF", ""]
    )


def panel(
    kind: str, title: str, place: tuple[int, int, int, int], *queries: dict[str, object], **more: object
) -> dict[str, object]:
    targets = [{"refId": chr(ord("A") + number), **query} for number, query in enumerate(queries)]
    return {"type": kind, "title": title, "gridPos": dict(zip("xywh", place, strict=True)), "targets": targets, **more}


def looks(unit: str, *overrides: dict[str, object], **more: object) -> dict[str, object]:
    return {"defaults": {"unit": unit, **more}, "overrides": list(overrides)}


HALF = "(time() % 120 > bool 60)"  # 0 in one minute, the first too, 1 in the next
STATES = [
    {"type": "value", "options": {"0": {"text": "away", "color": "red"}, "1": {"text": "here", "color": "green"}}}
]
RENAMED = {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": {"Value": "Records"}}}
EUROS = {"matcher": {"id": "byName", "options": "Records"}, "properties": [{"id": "unit", "value": "currencyEUR"}]}
GOOD = {
    "title": "Places", "timezone": "utc", "time": {"from": "now-6h", "to": "now"}, "refresh": "10s",
    "templating": {"list": [
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        {"name": "place", "type": "query", "query": "label_values(records_total, place)", "multi": True, "includeAll": True,
         "current": {"text": ["All"], "value": ["$__all"]}},
    ]},
    "annotations": {"list": [{"name": "Away", "enable": True, "expr": "answers == bool 0", "iconColor": "red"}]},
    "panels": [
        panel("row", "Figures of $place", (0, 0, 24, 1)),
        panel("stat", "Records", (0, 1, 6, 4), {"expr": 'sum(records_total{place=~"$place"})', "instant": True},
              fieldConfig=looks("short")),
        panel("bargauge", "By place", (6, 1, 6, 4), {"expr": "records_total", "legendFormat": "in the {{place}}"},
              fieldConfig=looks("percentunit")),
        panel("text", "Words", (12, 1, 12, 4), options={"mode": "markdown", "content": "**Bold** of $place"}),
        panel("timeseries", "Rate", (0, 5, 12, 8),
              {"expr": "60 * rate(records_total[$__rate_interval])", "legendFormat": "{{place}}"}, fieldConfig=looks("short"),
              options={"legend": {"displayMode": "table", "showLegend": True, "calcs": ["lastNotNull"]}}),
        panel("heatmap", "Spread", (12, 5, 12, 8),
              {"expr": "sum by (le) (increase(seconds_bucket[$__rate_interval]))", "format": "heatmap"}),
        panel("table", "Rows", (0, 13, 12, 6), {"expr": "sum by (place) (records_total)", "instant": True, "format": "table"},
              transformations=[RENAMED], fieldConfig=looks("short", EUROS)),
        panel("state-timeline", "Away or here", (12, 13, 12, 6), {"expr": "answers", "legendFormat": "{{place}}"},
              fieldConfig=looks("none", mappings=STATES)),
    ],
}  # fmt: skip
BAD = {
    "title": "Wrong", "panels": [
        panel("timeseries", "Half a query", (0, 0, 12, 8), {"expr": "sum("}),
        panel("stat", "Nothing there", (12, 0, 12, 8), {"expr": "nothing_total"}),
        panel("geomap", "A kind that npm has not", (0, 8, 12, 8), {"expr": "records_total"}),
        panel("table", "Magic", (12, 8, 12, 8), {"expr": "records_total"}, transformations=[{"id": "magic", "options": {}}]),
        panel("timeseries", "Not always a number", (0, 16, 24, 8), {"expr": f"records_total * {HALF} / {HALF}"}),
    ],
}  # fmt: skip
NOWHERE = {"title": "Nowhere", "templating": {"list": [{"name": "sky", "type": "query", "query": "metrics(sky)"}]}}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Picture]:
    folder = tmp_path_factory.mktemp("pictures")
    for name, dashboard in (("good", GOOD), ("bad", BAD), ("nowhere", NOWHERE)):
        (folder / f"{name}.json").write_text(json.dumps(dashboard))
    files = [*sorted(folder.glob("*.json")), *REAL]
    with remembering(folder, samples()) as prometheus:
        try:
            made = shoot(prometheus, folder / "out", files, VIEW)
        except PictureMissing as error:
            lacking(error)
    return {picture.dashboard.stem: picture for picture in made}


def panels(picture: Picture) -> dict[str, Panel]:
    return {one.title: one for one in picture.panels}


def size(file: Path) -> tuple[int, int]:
    """Width and height, as the head of a PNG says them."""
    head = file.read_bytes()[:24]
    assert b"\x89PNG" == head[:4]
    return struct.unpack(">II", head[16:])


def test_every_panel_is_drawn_on_a_picture_of_the_size_asked_for(pictures):
    good = pictures["good"]
    assert [] == good.wrong
    assert ["Figures of All"] + [one["title"] for one in GOOD["panels"][1:]] == [one.title for one in good.panels]
    assert {"shown"} == {one.state for one in good.panels}
    width, height = size(good.file)
    assert VIEW.width * VIEW.scale == width
    assert 2 * 19 * 38 < height < 2 * 19 * 38 + 400


def test_curves_cells_and_states_are_painted(pictures):
    good = {title: one.painted for title, one in panels(pictures["good"]).items()}
    for title in ("Rate", "Spread", "Away or here"):
        assert good[title] > 500, title
    assert 0 == good["Words"]


def test_a_curve_that_begins_without_a_number_is_painted(pictures):
    assert panels(pictures["bad"])["Not always a number"].painted > 500


def test_panels_say_what_prometheus_said(pictures):
    said = {title: one.said.split() for title, one in panels(pictures["good"]).items()}
    assert ["720"] == said["Records"]
    assert ["in", "the", "north", "24000%", "in", "the", "south", "48000%"] == said["By place"]
    assert ["Bold", "of", "All"] == said["Words"]
    assert ["Series", "color", "Name", "Last", "*", "north", "4", "south", "8"] == said["Rate"]
    assert ["place", "Records", "north", "€240", "south", "€480"] == said["Rows"]
    assert ["3", "6"] == said["Spread"]  # of its scale of colours


def test_a_panel_that_cannot_be_drawn_says_why_and_the_picture_is_wrong(pictures):
    bad = panels(pictures["bad"])
    assert "error" == bad["Half a query"].state
    assert "parse error: unclosed left parenthesis" in bad["Half a query"].said
    assert ("empty", "No data") == (bad["Nothing there"].state, bad["Nothing there"].said)
    assert "No package of Grafana carries the panel geomap" == bad["A kind that npm has not"].said
    assert "the transformation magic is not in the packages of Grafana" == bad["Magic"].said
    assert 3 == len(pictures["bad"].wrong)


def test_a_dashboard_that_cannot_be_asked_for_has_no_picture(pictures):
    nowhere = pictures["nowhere"]
    assert ["the variable sky asks metrics(sky): only label_values() can be asked here"] == nowhere.wrong
    assert not nowhere.file.exists()


@pytest.mark.parametrize("name", [file.stem for file in REAL])
def test_every_panel_of_the_dashboards_is_of_a_kind_that_is_drawn(pictures, name):
    """Of a Prometheus that knows nothing of the product: their queries are read, and answer nothing."""
    assert [] == pictures[name].wrong


def test_the_page_is_well_typed():
    try:
        page = built()
    except PictureMissing as error:
        lacking(error)
    compiler = page.parent / "node_modules" / ".bin" / "tsc"
    done = subprocess.run([compiler], cwd=page, capture_output=True, text=True, check=False)
    assert "" == done.stdout
