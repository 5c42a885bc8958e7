"""Messages over time: seconds gathered into steps of a length that people read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from herold.report.report import Tick

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400)
_MOST = 90


def ticks(seconds: Mapping[datetime, tuple[int, int]]) -> tuple[timedelta, tuple[Tick, ...]]:
    """At most about 90 steps, without gaps, from (sent, refused) by second. The step's length, and the steps."""
    if not seconds:
        return timedelta(seconds=1), ()
    first, last = min(seconds), max(seconds)
    span = (last - first).total_seconds()
    size = next((step for step in _STEPS if span / step < _MOST), int(span // _MOST) + 1)
    step = timedelta(seconds=size)
    begin = datetime.fromtimestamp(first.timestamp() // size * size, first.tzinfo)
    counts = [[0, 0] for _ in range(int((last - begin) / step) + 1)]
    for at, (sent, refused) in seconds.items():
        place = counts[int((at - begin) / step)]
        place[0] += sent
        place[1] += refused
    return step, tuple(Tick(begin + index * step, *each) for index, each in enumerate(counts))
