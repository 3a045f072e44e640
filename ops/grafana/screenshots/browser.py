"""The browser that draws the panels."""

from __future__ import annotations

import os
import shutil

from ops.grafana.screenshots.errors import PictureMissing

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def chromium() -> str:
    """The path of a Chromium: ACCRUAL_CHROMIUM, else one on PATH; PictureMissing without one."""
    named = os.environ.get("ACCRUAL_CHROMIUM")
    for name in (named,) if named else NAMES:
        if found := shutil.which(name):
            return found
    if named:
        raise PictureMissing(f"ACCRUAL_CHROMIUM names {named}, which is no program: name a Chromium or leave it unset")
    raise PictureMissing(
        "the panels of Grafana are drawn by Chromium, and there is none on PATH: install it (Debian: apt-get install chromium)"
    )
