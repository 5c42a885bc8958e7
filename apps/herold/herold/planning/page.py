"""The look of Herold's pages: one style sheet, charts drawn by hand, and a frame that loads nothing from anywhere.

The plan and the report are made of these. Every text is escaped here; `Markup` is what is fit to stand in a page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from math import ceil, floor, log10

from minijinja import Markup, escape

from herold.message.values import clean

__all__ = [
    "CONTENT_POLICY",
    "CSS",
    "Line",
    "Markup",
    "Row",
    "bar_chart",
    "column_chart",
    "compact",
    "document",
    "line_chart",
]

CSS = (resources.files("herold.planning") / "page.css").read_text()
# Samples stand in frames of this very document (srcdoc), which inherit the policy: no script runs, nothing is loaded.
CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'"
)
_ROW = 44
_HEIGHT = 190
_GUTTER = 8  # percent of the width, for the labels of y


@dataclass(frozen=True, slots=True)
class Row:
    """One bar. `told` stands at its right end (the value when empty); `quiet` ones are drawn pale."""

    name: str
    value: float
    told: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line: points (x, y) in the order of x. `style`: 0 the accent, 1 dashed, 2 a warning."""

    name: str
    points: Sequence[tuple[float, float]]
    style: int = 0


def document(title: str, body: str) -> str:
    """A whole page around `body`, which is HTML already. Controls and what turns the writing round become spaces."""
    body = "\n".join(clean(line) for line in body.split("\n"))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(CONTENT_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
        f"<title>{escape(clean(title))}</title>\n<style>\n{CSS}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )


def compact(value: float) -> str:
    """`950`, `2.5k`, `12k`, `1.2M`: for labels with little room."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:.1f}".removesuffix(".0") + name
    return f"{value:.1f}".removesuffix(".0")


def bar_chart(rows: Sequence[Row], *, label: str, longest: int = 34) -> Markup:
    """Lying bars, each below its name, which is cut after `longest` characters.

    `label` says what they show, for whoever does not see them.
    """
    most = max((row.value for row in rows), default=0) or 1
    parts = []
    for index, row in enumerate(rows):
        top, told = index * _ROW, row.told or f"{row.value:,.0f}"
        width = max(100 * row.value / most, 0.4) if row.value > 0 else 0
        style = "quiet" if row.quiet else "bar"
        parts.append(
            f"<g><title>{escape(row.name)}: {escape(told)}</title>"
            f'<text x="0" y="{top + 15}">{escape(_cut(row.name, longest))}</text>'
            f'<text x="100%" y="{top + 15}" text-anchor="end" class="value">{escape(told)}</text>'
            f'<rect x="0" y="{top + 23}" width="100%" height="8" rx="4" class="track"/>'
            f'<rect x="0" y="{top + 23}" width="{width:.2f}%" height="8" rx="4" class="{style}"/>'
            "</g>"
        )
    told = "; ".join(f"{row.name}: {row.told or f'{row.value:,.0f}'}" for row in rows)
    return _svg(len(rows) * _ROW - 8, f"{label}. {told}", "".join(parts))


def column_chart(columns: Sequence[Row], *, label: str) -> Markup:
    """Standing columns in a row, such as messages by hour. Names stand below the first, the middle and the last."""
    if not columns:
        return Markup("")
    top = _nice(max(column.value for column in columns))
    floor_at, slot = _HEIGHT - 26, 100 / len(columns)
    parts = []
    for index, column in enumerate(columns):
        height = (floor_at - 22) * column.value / top
        told = column.told or f"{column.value:,.0f}"
        parts.append(
            f"<g><title>{escape(column.name)}: {escape(told)}</title>"
            f'<rect x="{index * slot + slot * 0.12:.3f}%" y="{floor_at - height:.1f}" width="{slot * 0.76:.3f}%" '
            f'height="{height:.1f}" rx="2" class="{"quiet" if column.quiet else "column"}"/></g>'
        )
    last = len(columns) - 1
    places = {0: ("start", 0.0), last: ("end", 100.0)} if last else {0: ("middle", 50.0)}
    if last >= 4:
        places[last // 2] = ("middle", (last // 2 + 0.5) * slot)
    for index, (anchor, x) in sorted(places.items()):
        parts.append(
            f'<text x="{x:.2f}%" y="{_HEIGHT - 6}" text-anchor="{anchor}" class="axis">'
            f"{escape(columns[index].name)}</text>"
        )
    told = "; ".join(f"{column.name}: {column.told or f'{column.value:,.0f}'}" for column in columns)
    return _svg(_HEIGHT, f"{label}. {told}", _rules(top, floor_at, compact) + _beside(parts))


def line_chart(
    lines: Sequence[Line],
    *,
    label: str,
    x_label: Callable[[float], str],
    y_label: Callable[[float], str] = compact,
) -> Markup:
    """Lines over a common x; y begins at 0. The ends and the middle of x are labelled."""
    points = [point for line in lines for point in line.points]
    if not points:
        return Markup("")
    low, high = min(x for x, _ in points), max(x for x, _ in points)
    top, floor_at = _nice(max(y for _, y in points)), _HEIGHT - 26
    span = (high - low) or 1
    parts = []
    drawn = ""
    for line in lines:
        path = " ".join(f"{1000 * (x - low) / span:.1f},{1000 - 1000 * y / top:.1f}" for x, y in line.points)
        style = ("line", "line second", "line third")[line.style]
        drawn += (
            f'<polyline points="{path}" class="{style}" vector-effect="non-scaling-stroke">'
            f"<title>{escape(line.name)}</title></polyline>"
        )
    parts.append(
        f'<svg x="0" y="22" width="100%" height="{floor_at - 22}" viewBox="0 0 1000 1000" '
        f'preserveAspectRatio="none" overflow="visible">{drawn}</svg>'
    )
    for anchor, place in (("start", 0), ("middle", 50), ("end", 100)):
        parts.append(
            f'<text x="{place}%" y="{_HEIGHT - 6}" text-anchor="{anchor}" class="axis">'
            f"{escape(x_label(low + span * place / 100))}</text>"
        )
    told = "; ".join(
        f"{line.name}: from {y_label(line.points[0][1])} at {x_label(line.points[0][0])} "
        f"to {y_label(line.points[-1][1])} at {x_label(line.points[-1][0])}"
        for line in lines
        if line.points
    )
    return _svg(_HEIGHT, f"{label}. {told}", _rules(top, floor_at, y_label) + _beside(parts))


def _beside(parts: Sequence[str]) -> str:
    """What is drawn to the right of the labels of y."""
    return f'<svg x="{_GUTTER}%" width="{100 - _GUTTER}%" height="{_HEIGHT}" overflow="visible">{"".join(parts)}</svg>'


def _rules(top: float, floor_at: int, told: Callable[[float], str]) -> str:
    parts = []
    for part in (0.0, 0.5, 1.0):
        y = floor_at - (floor_at - 22) * part
        parts.append(f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}" class="rule"/>')
        if part:
            parts.append(f'<text x="0" y="{y - 5:.1f}" class="axis">{escape(told(top * part))}</text>')
    return "".join(parts)


def _nice(most: float) -> float:
    """The next of 1, 2, 4, 5, 10 times a power of ten."""
    if most <= 0:
        return 1
    unit = 10.0 ** floor(log10(most))
    step = next((each for each in (1, 2, 4, 5, 10) if each * unit >= most), 10)
    return max(step * unit, 1 if most > 0.5 else step * unit)


def _svg(height: int, told: str, inside: str) -> Markup:
    return Markup(
        f'<svg class="chart" role="img" aria-label="{escape(told[:4000])}" width="100%" '
        f'height="{ceil(max(height, 1))}" xmlns="http://www.w3.org/2000/svg">{inside}</svg>'
    )


def _cut(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"
