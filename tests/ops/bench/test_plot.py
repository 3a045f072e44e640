"""A plot shows every point where it belongs, in light and in dark, and says what is along its axes."""

import xml.etree.ElementTree as ET

import pytest

from ops.bench.plot import HEIGHT, WIDTH, Axis, line_plot

SVG = "{http://www.w3.org/2000/svg}"


def points(svg: str) -> dict[str, tuple[float, float]]:
    """Where each point is, by what it tells."""
    circles = ET.fromstring(svg).iter(f"{SVG}circle")
    return {
        title.text or "": (float(one.attrib["cx"]), float(one.attrib["cy"]))
        for one in circles
        if (title := one.find(f"{SVG}title")) is not None
    }


def test_every_point_is_drawn_inside_and_on_its_line() -> None:
    lines = {"one": [(1_000, 250.5), (2_000, 300), (9_000, 0)], "two": [(500, 1.25)]}
    svg = line_plot("Memory", Axis("events read"), Axis("MB"), lines)
    found = points(svg)
    assert {"one: 1,000, 250.5", "one: 2,000, 300", "one: 9,000, 0", "two: 500, 1.25"} == found.keys()
    assert all(0 < across < WIDTH and 0 < height < HEIGHT for across, height in found.values())
    drawn = [one.attrib["points"] for one in ET.fromstring(svg).iter(f"{SVG}polyline")]
    assert [" ".join(f"{x:.1f},{y:.1f}" for x, y in list(found.values())[:3])] == drawn[:1]


def test_powers_of_ten_are_equally_far_apart() -> None:
    svg = line_plot("", Axis("identities", powers=True), Axis("1/s"), {"": [(10**power, 5) for power in (3, 4, 6)]})
    first, second, third = (across for across, _ in points(svg).values())
    assert pytest.approx(2 * (second - first), abs=0.2) == third - second


def test_axes_are_labelled_and_dark_has_colours_of_its_own() -> None:
    svg = line_plot("A < B", Axis("identities stored"), Axis("events per CPU second"), {"": [(1, 1), (2, 70_000_000)]})
    texts = [one.text for one in ET.fromstring(svg).iter(f"{SVG}text")]
    assert {"A < B", "identities stored", "events per CPU second", "0", "80 M"} <= set(texts)
    light, dark = svg.split("prefers-color-scheme: dark")
    assert all("background" in part and ".line0" in part for part in (light, dark))


@pytest.mark.parametrize(
    ("lines", "told"), [({}, "no points"), ({"": []}, "no points"), ({"": [(0, 1)]}, "powers of ten")]
)
def test_what_cannot_be_drawn_is_refused(lines: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        line_plot("Nothing", Axis("x", powers=True), Axis("y"), lines)


def test_all_that_is_nought_is_drawn_too() -> None:
    assert {"0, 0"} == points(line_plot("", Axis("x"), Axis("y"), {"": [(0, 0)]})).keys()
