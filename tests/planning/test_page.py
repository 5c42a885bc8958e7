"""Charts drawn by hand: valid, to scale, and told in words."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from herold.planning.page import Line, Markup, Row, bar_chart, column_chart, compact, document, line_chart

SVG = "{http://www.w3.org/2000/svg}"


def parsed(chart: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(chart)  # valid XML, or this fails


def widths(chart: Markup, style: str) -> list[float]:
    return [
        float((rect.get("width") or "").rstrip("%"))
        for rect in parsed(chart).iter(f"{SVG}rect")
        if rect.get("class") == style
    ]


def test_bars_are_to_scale() -> None:
    chart = bar_chart([Row("a", 200), Row("b", 50, quiet=True), Row("none", 0)], label="Letters")
    assert widths(chart, "bar") == [100, 0]
    assert widths(chart, "quiet") == [25]
    assert parsed(chart).get("aria-label") == "Letters. a: 200; b: 50; none: 0"


def test_columns_are_to_scale() -> None:
    chart = column_chart([Row(f"{hour}:00", hour) for hour in range(5)], label="Hours")
    heights = [float(rect.get("height") or 0) for rect in parsed(chart).iter(f"{SVG}rect")]
    assert heights[0] == 0
    assert heights[4] == pytest.approx(2 * heights[2], abs=0.2)
    texts = [text.text for text in parsed(chart).iter(f"{SVG}text")]
    assert texts == ["2", "4", "0:00", "2:00", "4:00"]


def test_lines_run_from_left_to_right_and_from_zero() -> None:
    chart = line_chart([Line("rate", [(10, 0), (20, 100)])], label="Rate", x_label=lambda x: f"{x:.0f} s")
    (line,) = parsed(chart).iter(f"{SVG}polyline")
    assert line.get("points") == "0.0,1000.0 1000.0,0.0"
    assert "from 0 at 10 s to 100 at 20 s" in (parsed(chart).get("aria-label") or "")


def test_charts_of_nothing_are_nothing_or_flat() -> None:
    assert column_chart([], label="x") == ""
    assert line_chart([], label="x", x_label=str) == ""
    parsed(bar_chart([], label="x"))
    parsed(column_chart([Row("a", 0)], label="x"))
    parsed(line_chart([Line("a", [(5, 0)])], label="x", x_label=str))


def test_names_are_words_whatever_they_hold() -> None:
    hostile = '"><script>alert(1)</script>&'
    for chart in (
        bar_chart([Row(hostile, 1, hostile)], label=hostile),
        column_chart([Row(hostile, 1, hostile)], label=hostile),
        line_chart([Line(hostile, [(0, 1), (1, 2)])], label=hostile, x_label=lambda _: hostile),
    ):
        assert not [element for element in parsed(chart).iter() if element.tag.endswith("script")]
    assert "<script" not in document(hostile, "")


def test_long_names_are_cut_in_the_picture_and_whole_in_words() -> None:
    name = "x" * 80
    chart = parsed(bar_chart([Row(name, 1)], label="Long"))
    shown = [text.text or "" for text in chart.iter(f"{SVG}text")]
    assert max(len(text) for text in shown) == 34
    assert name in (chart.get("aria-label") or "")


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.5, "0.5"), (950, "950"), (2_500, "2.5k"), (12_000, "12k"), (1_200_000, "1.2M")]
)
def test_labels_are_short(value: float, text: str) -> None:
    assert compact(value) == text


def test_a_document_has_its_policy_before_anything_that_could_load() -> None:
    html = document("Plan", "<p>x</p>\u2028\x00")
    assert html.index("Content-Security-Policy") < html.index("<style>")
    assert not re.search("[\x00\u2028]", html)
