"""Messages over time as columns, with the moments at which something happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from minijinja import escape

from herold.planning.page import Markup
from herold.report.report import Mark, Tick
from herold.report.words import clock, pace, stamp, step

_HEIGHT, _TOP, _FLOOR = 240, 46, 214
DRAWN = 24  # marks; more would hide the columns


def rate_chart(ticks: Sequence[Tick], size: timedelta, marks: Sequence[Mark], zone: str) -> Markup:
    """Columns by step: accepted, and pale on top of it what was refused or put off. Marks are numbered from 1."""
    if not ticks:
        return Markup("")
    most = _nice(max(tick.sent + tick.refused for tick in ticks))
    slot = 100 / len(ticks)
    parts, labels = [], []
    for part in (0.0, 0.5, 1.0):
        y = _FLOOR - (_FLOOR - _TOP) * part
        parts.append(f'<line x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}" class="rule"/>')
        if part:
            told = f"{most * part:,.0f} a {step(size)}" if part == 1 else f"{most * part:,g}"
            # Over the columns, with a rim of the ground so that it can be read.
            rim = "paint-order:stroke;stroke:var(--card);stroke-width:4px"
            labels.append(f'<text x="0" y="{y - 5:.1f}" class="axis" style="{rim}">{told}</text>')
    for index, tick in enumerate(ticks):
        x, width = index * slot + slot * 0.1, slot * 0.8
        sent, refused = _high(tick.sent, most), _high(tick.refused, most)
        told = f"{clock(tick.at, zone)}: {tick.sent:,} sent" + (f", {tick.refused:,} refused" if tick.refused else "")
        parts.append(
            f"<g><title>{told}</title>"
            f'<rect x="{x:.3f}%" y="{_FLOOR - sent:.1f}" width="{width:.3f}%" height="{sent:.1f}" class="column"/>'
            f'<rect x="{x:.3f}%" y="{_FLOOR - sent - refused:.1f}" width="{width:.3f}%" height="{refused:.1f}" '
            'class="quiet"/></g>'
        )
    parts += labels
    begin, span = ticks[0].at, size * len(ticks)
    for number, mark in enumerate(marks[:DRAWN], start=1):
        x = min(max(100 * ((mark.at - begin) / span), 0.0), 100.0)
        parts.append(
            f"<g><title>{escape(f'{clock(mark.at, zone)} {mark.what}')}</title>"
            f'<line x1="{x:.2f}%" x2="{x:.2f}%" y1="22" y2="{_FLOOR}" '
            'style="stroke:var(--warn);stroke-width:1.5;stroke-dasharray:3 3"/>'
            f'<circle cx="{x:.2f}%" cy="12" r="9.5" style="fill:var(--warn)"/>'
            f'<text x="{x:.2f}%" y="16.5" text-anchor="middle" '
            f'style="fill:var(--card);font-size:12px;font-weight:650">{number}</text></g>'
        )
    name = clock if span < timedelta(days=1) else stamp
    for anchor, place in (("start", 0), ("middle", 50), ("end", 100)):
        told = name(begin + span * place / 100, zone)
        parts.append(f'<text x="{place}%" y="{_HEIGHT - 6}" text-anchor="{anchor}" class="axis">{told}</text>')
    peak = max(tick.sent for tick in ticks) / size.total_seconds()
    label = f"Messages by {step(size)}, at most {pace(peak)}; {len(marks)} marked moments"
    return Markup(
        f'<svg class="chart" role="img" aria-label="{escape(label)}" width="100%" height="{_HEIGHT}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def _high(count: int, most: float) -> float:
    return (_FLOOR - _TOP) * count / most


def _nice(most: float) -> float:
    unit = 1
    while unit * 10 < most:
        unit *= 10
    return next(each * unit for each in (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if each * unit >= most)
