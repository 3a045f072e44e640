"""Pictures of dashboards: what is asked for, what was made, and what each panel on them shows."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ops.grafana.screenshots.browser import chromium
from ops.grafana.screenshots.errors import PictureFailed
from ops.grafana.screenshots.project import built, node

SAID = 2000  # characters of what the browser's driver says when it fails


@dataclass(frozen=True, slots=True)
class View:
    """How dashboards are looked at. `since` and `until` are Grafana's (now-15m) and stand for a dashboard's own.

    `width` in CSS pixels, `scale` pixels of the picture for each; `at` is now, in seconds since 1970, and the clock's if
    None; `scrape` how often Prometheus scrapes (15s), as Grafana's data source is told; `variables` by name, values
    separated by commas.
    """

    theme: Literal["dark", "light"] = "dark"
    width: int = 1600
    scale: float = 1.5
    since: str | None = None
    until: str | None = None
    at: float | None = None
    scrape: str = "15s"
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel as it stands on the page: `said` is the text on it, and why it draws nothing where it is `empty` or `error`;
    `painted` counts the pixels of its curves, cells and states that are no shade of grey."""

    type: str
    title: str
    state: Literal["shown", "empty", "error"]
    said: str
    painted: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A dashboard's picture; no file where `error` says why. `problems`: what the browser could not load or run."""

    dashboard: Path
    title: str
    file: Path
    error: str | None
    problems: Sequence[str]
    panels: Sequence[Panel]

    @property
    def wrong(self) -> list[str]:
        """Everything that keeps it from being what Grafana would show."""
        panels = [f"{panel.title}: {panel.said}" for panel in self.panels if panel.state == "error"]
        return [*([self.error] if self.error else []), *self.problems, *panels]


def shoot(prometheus: str, out: Path, dashboards: Sequence[Path], view: View | None = None) -> list[Picture]:
    """A PNG in the folder `out` for each dashboard, named as its file. PictureMissing, PictureFailed."""
    view = view or View()
    page, browser = built(), chromium()
    out.mkdir(parents=True, exist_ok=True)
    asked: dict[str, Any] = {
        "site": str(page / "site"), "chromium": browser, "prometheus": prometheus, "out": str(out.resolve()),
        "dashboards": [str(path.resolve()) for path in dashboards], "theme": view.theme, "width": view.width,
        "scale": view.scale, "scrape": view.scrape, "variables": dict(view.variables),
    }  # fmt: skip
    times = {"from": view.since, "to": view.until, "at": view.at}
    asked |= {name: given for name, given in times.items() if given is not None}
    done = subprocess.run(
        [node(), "shoot.mjs"], cwd=page, input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PictureFailed(f"Chromium could not be driven: {done.stderr.strip()[-SAID:]}")
    made = [_picture(json.loads(line)) for line in done.stdout.splitlines()]
    for picture in made:
        if picture.error is None:
            _shrink(picture.file)
    return made


def _picture(said: dict[str, Any]) -> Picture:
    panels = [Panel(**panel) for panel in said["panels"]]
    return Picture(
        Path(said["dashboard"]), said["title"], Path(said["picture"]), said.get("error"), said["problems"], panels
    )


def _shrink(file: Path) -> None:
    """To a third, where pngquant is installed; the picture is as good without."""
    if program := shutil.which("pngquant"):
        subprocess.run([program, "--force", "--skip-if-larger", "--strip", "--ext", ".png", str(file)], check=False)
