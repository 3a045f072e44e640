"""A line plot as SVG: readable in light and in dark, each point with its numbers for whoever points at it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 98, 36, 64, 62  # margins
TICKS = 6  # at most about so many on a linear axis
COLOURS = (("#0b62c4", "#6cb2ff"), ("#b3470d", "#ff9d57"), ("#1d7a3e", "#5fd38a"), ("#7d3fb2", "#c99bff"))
STYLE = """\
  svg { background: #ffffff; color: #1c2024; font: 13px sans-serif }
  .title { font-size: 16px; font-weight: bold }
  .grid { stroke: #d8dce1 }
  text { fill: currentColor }
  polyline { fill: none; stroke-width: 2 }
"""
DARK = """\
    svg { background: #14171a; color: #e8eaed }
    .grid { stroke: #3a4047 }
"""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """What is along it, with its unit; `powers`: equal steps are equal factors, marked at powers of ten."""

    label: str
    powers: bool = False


@dataclass(frozen=True, slots=True)
class _Scale:
    """Numbers to shares of an axis."""

    low: float
    high: float
    powers: bool
    ticks: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float], powers: bool) -> _Scale:
        """From nought, or from a power of ten, to what is not less than the largest. ValueError where a power is not above 0."""
        most = max(values)
        if not powers:
            step = _round(most / TICKS) if most > 0 else 1.0
            ticks = tuple(step * number for number in range(math.ceil(max(most, step) / step) + 1))
            return cls(0.0, ticks[-1], False, ticks)
        if min(values) <= 0:
            raise ValueError(f"{min(values)} cannot stand on an axis of powers of ten: leave it out")
        first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(most))
        last = max(last, first + 1)
        return cls(first, last, True, tuple(10.0**power for power in range(first, last + 1)))

    def share(self, value: float) -> float:
        """0 at the low end, 1 at the high one."""
        return ((math.log10(value) if self.powers else value) - self.low) / (self.high - self.low)


def line_plot(title: str, x: Axis, y: Axis, lines: Mapping[str, Sequence[Point]]) -> str:
    """The SVG of some named lines; the name of a single one is told nowhere. ValueError where there is no point."""
    points = [point for line in lines.values() for point in line]
    if not points:
        raise ValueError(f"the plot {title!r} has no points: nothing was measured")
    along, up = _Scale.of([at for at, _ in points], x.powers), _Scale.of([at for _, at in points], y.powers)
    drawn = [*_frame(title, x, y), *_marks(along, up)]
    for number, (name, line) in enumerate(lines.items()):
        places = [(_across(along, at), _height(up, value)) for at, value in line]
        shown = " ".join(f"{across:.1f},{height:.1f}" for across, height in places)
        drawn.append(f'<g class="line{number % len(COLOURS)}"><polyline points="{shown}"/>')
        for (across, height), (at, value) in zip(places, line, strict=True):
            told = escape(
                f"{name}: {_number(at)}, {_number(value)}" if len(lines) > 1 else f"{_number(at)}, {_number(value)}"
            )
            drawn.append(f'<circle cx="{across:.1f}" cy="{height:.1f}" r="3.5"><title>{told}</title></circle>')
        drawn.append("</g>")
        if len(lines) > 1:
            drawn += _legend(number, name)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" aria-label="{escape(title)}">\n<style>\n{_style()}</style>\n' + "\n".join(drawn) + "\n</svg>\n"
    )


def _style() -> str:
    light, dark = (
        "".join(
            f"  .line{number} polyline {{ stroke: {pair[which]} }} .line{number} circle {{ fill: {pair[which]} }}\n"
            for number, pair in enumerate(COLOURS)
        )
        for which in (0, 1)
    )
    return f"{STYLE}{light}  @media (prefers-color-scheme: dark) {{\n{DARK}{dark}  }}\n"


def _frame(title: str, x: Axis, y: Axis) -> list[str]:
    middle = TOP + (HEIGHT - TOP - BOTTOM) / 2
    return [
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        f'<text x="{LEFT + (WIDTH - LEFT - RIGHT) / 2:.0f}" y="{HEIGHT - 16}" text-anchor="middle">{escape(x.label)}</text>',
        f'<text transform="translate(20 {middle:.0f}) rotate(-90)" text-anchor="middle">{escape(y.label)}</text>',
    ]


def _marks(along: _Scale, up: _Scale) -> list[str]:
    """Lines and numbers at the ticks of both axes."""
    marks, bottom = [], HEIGHT - BOTTOM
    for tick in along.ticks:
        across = _across(along, tick)
        marks.append(f'<line class="grid" x1="{across:.1f}" y1="{TOP}" x2="{across:.1f}" y2="{bottom}"/>')
        marks.append(f'<text x="{across:.1f}" y="{bottom + 20}" text-anchor="middle">{_number(tick)}</text>')
    for tick in up.ticks:
        height = _height(up, tick)
        marks.append(f'<line class="grid" x1="{LEFT}" y1="{height:.1f}" x2="{WIDTH - RIGHT}" y2="{height:.1f}"/>')
        marks.append(f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{_number(tick)}</text>')
    return marks


def _legend(number: int, name: str) -> list[str]:
    at = LEFT + 170 * number
    return [
        f'<g class="line{number % len(COLOURS)}"><circle cx="{at + 5}" cy="45" r="4"/></g>',
        f'<text x="{at + 15}" y="49">{escape(name)}</text>',
    ]


def _across(scale: _Scale, value: float) -> float:
    return LEFT + scale.share(value) * (WIDTH - LEFT - RIGHT)


def _height(scale: _Scale, value: float) -> float:
    return HEIGHT - BOTTOM - scale.share(value) * (HEIGHT - TOP - BOTTOM)


def _round(step: float) -> float:
    """The least of 1, 2, 5, 10, 20, 50, ... that is not below it."""
    ten = 10.0 ** math.floor(math.log10(step))
    return next(ten * digit for digit in (1, 2, 5, 10) if ten * digit >= step * (1 - 1e-9))


def _number(value: float) -> str:
    """With a comma between thousands; millions by name."""
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:,.10g} M"
    return f"{value:,.10g}"


__all__ = ["Axis", "Point", "line_plot"]
