"""The report in sentences."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from herold.planning.words import day, length, number, people, place
from herold.report.report import Report


def headline(report: Report) -> str:
    """One sentence: how many were reached, how many possibly not, how many not."""
    counts, planned = report.outcomes, report.planned
    missed = counts.failed + counts.suppressed + counts.skipped
    if not report.closed and not counts.sent and not missed and not counts.uncertain:
        return f"Nobody was reached yet; {people(planned)} {'waits' if planned == 1 else 'wait'}."
    if counts.sent == planned:
        return f"All {people(planned)} were reached." if planned != 1 else "The one person was reached."
    who = f"{number(counts.sent)} of {people(planned)} {'was' if counts.sent == 1 else 'were'} reached"
    rest = [
        text
        for text, count in (
            (f"{number(counts.uncertain)} possibly not", counts.uncertain),
            (f"{number(missed)} not", missed),
            (f"{number(counts.waiting)} still wait", counts.waiting),
        )
        if count
    ]
    so_far = "" if report.closed else "So far "
    return f"{so_far}{who}; {', '.join(rest)}."


def when(report: Report) -> str:
    """From when to when, how long, how fast."""
    duration = report.duration
    if report.started_at is None or duration is None:
        return f"First due {_moment(report.first_due_at, report.time_zone)}; nothing was sent yet."
    first, last = _local(report.started_at, report), _local(report.started_at + duration, report)
    if first.date() == last.date():
        span = f"on {day(first)} from {first:%H:%M:%S} to {last:%H:%M:%S} {place(report.time_zone)}"
    else:
        span = f"from {day(first)} {first:%H:%M:%S} to {day(last)} {last:%H:%M:%S} {place(report.time_zone)}"
    speed = f", {pace(report.outcomes.sent / duration.total_seconds())} on average" if report.outcomes.sent else ""
    return f"Sent {span}: {length(duration)}{speed}."


def books(report: Report) -> str:
    """The sum that must hold."""
    counts = report.outcomes
    parts = [
        f"{number(counts.sent)} sent",
        f"{number(counts.failed)} failed",
        f"{number(counts.suppressed)} suppressed",
        f"{number(counts.skipped)} skipped",
        f"{number(counts.uncertain)} uncertain",
    ]
    if not report.closed:
        parts.append(f"{number(counts.waiting)} waiting")
    return f"{number(report.planned)} planned = {' + '.join(parts)}"


def proof(report: Report) -> str:
    """Who says that the sum holds."""
    if not report.balanced:
        return "The rows of the ledger say something else than the run's counts. Tell whoever runs the ledger."
    if report.closed:
        return "Proven from the rows of the ledger when the run closed, and counted again for this report."
    return "Counted from the rows of the ledger; it is proven once more when the run closes."


def pace(per_second: float) -> str:
    """`801 a second`, `12 a minute`."""
    if per_second >= 1:
        return f"{per_second:,.0f} a second"
    return f"{per_second * 60:,.0f} a minute" if per_second * 60 >= 1 else f"{per_second * 3600:,.0f} an hour"


def clock(at: datetime, zone: str) -> str:
    """`10:03:44` in that zone."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M:%S}"


def stamp(at: datetime | None, zone: str) -> str:
    """`24 Nov 10:03:44` in that zone, or a dash."""
    if at is None:
        return "–"
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b} {local:%H:%M:%S}"


def step(size: timedelta) -> str:
    """`second`, `10 s`, `5 min`."""
    return "second" if size == timedelta(seconds=1) else length(size)


def _moment(at: datetime, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(local)} {local:%H:%M:%S} {place(zone)}"


def _local(at: datetime, report: Report) -> datetime:
    return at.astimezone(ZoneInfo(report.time_zone))
