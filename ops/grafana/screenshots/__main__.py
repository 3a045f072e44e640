"""`python -m ops.grafana.screenshots`: pictures of the dashboards from what a Prometheus answers now."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ops.grafana.screenshots.errors import PictureFailed, PictureMissing
from ops.grafana.screenshots.pictures import Picture, View, shoot

DASHBOARDS = Path(__file__).parents[1] / "dashboards"
AS_IT_IS = View()


def main() -> int:
    """0 when every picture is made and no panel on it says an error."""
    given = _parser().parse_args()
    console = Console(highlight=False)
    files = [file for path in given.dashboards for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])]
    if not files or not all(file.is_file() for file in files):
        console.print(
            f"no dashboards in {', '.join(map(str, given.dashboards))}: name folders or JSON files", soft_wrap=True
        )
        return 2
    at = given.at and datetime.fromisoformat(given.at).timestamp()
    variables = dict(one.split("=", 1) for one in given.var)
    view = View(given.theme, given.width, given.scale, given.since, given.until, at, given.scrape, variables)
    try:
        pictures = shoot(given.prometheus, given.out, files, view)
    except (PictureMissing, PictureFailed) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return 2
    _show(console, pictures)
    return int(any(picture.wrong for picture in pictures))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ops.grafana.screenshots", description=__doc__)
    parser.add_argument("--prometheus", required=True, metavar="URL", help="whose data is shown: http://127.0.0.1:9090")
    parser.add_argument("--out", required=True, type=Path, metavar="FOLDER", help="where the PNG files go")
    parser.add_argument(
        "--dashboards", type=Path, nargs="+", default=[DASHBOARDS], metavar="PATH", help="JSON files or their folders"
    )
    parser.add_argument("--theme", choices=("dark", "light"), default=AS_IT_IS.theme)
    parser.add_argument("--width", type=int, default=AS_IT_IS.width, help="in CSS pixels")
    parser.add_argument("--scale", type=float, default=AS_IT_IS.scale, help="pixels of the picture for a CSS pixel")
    parser.add_argument("--from", dest="since", metavar="TIME", help="instead of the dashboard's own: now-15m")
    parser.add_argument("--to", dest="until", metavar="TIME")
    parser.add_argument("--at", metavar="ISO", help="what time is now: 2026-01-31T12:00:00+00:00")
    parser.add_argument("--scrape", default=AS_IT_IS.scrape, metavar="TIME", help="how often this Prometheus scrapes")
    parser.add_argument(
        "--var", action="append", default=[], metavar="NAME=VALUE,...", help="of a variable; repeatable"
    )
    return parser


def _show(console: Console, pictures: list[Picture]) -> None:
    table = Table("dashboard", "picture", "KB", "panels", "without data", "wrong")
    for picture in pictures:
        panels = [panel for panel in picture.panels if panel.type != "row"]
        empty = sum(panel.state == "empty" for panel in panels)
        size = "" if picture.error else str(picture.file.stat().st_size // 1024)
        row = (picture.title, picture.file.name, size, str(len(panels)), str(empty), str(len(picture.wrong)))
        table.add_row(*row, style="red" if picture.wrong else None)
    console.print(table)
    for picture in pictures:
        for line in picture.wrong:
            console.print(f"{picture.title}: {line}", style="red", markup=False, soft_wrap=True)
        for panel in picture.panels:
            if panel.state == "empty":
                console.print(
                    f"{picture.title}: {panel.title}: {panel.said}", style="dim", markup=False, soft_wrap=True
                )


if __name__ == "__main__":
    sys.exit(main())
