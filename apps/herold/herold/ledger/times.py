"""When each recipient's turn comes: due, expiry and quiet hours by time zone, with DST.

All of it is computed here and nowhere else: PostgreSQL and Python disagree about 02:30 on the night that has it twice.
Rule: a local time that does not exist moves forward by the gap (02:30 becomes 03:30); one that exists twice means the
first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

from herold.resources.campaign import Schedule
from herold.resources.scalars import parse_clock, parse_duration, parse_local_instant

Interval = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class DueZone:
    """One time zone of a run. Instants are aware, in UTC; `quiet` intervals are half-open, in order."""

    zone: int
    name: str
    due_at: datetime
    expires_at: datetime
    quiet: tuple[Interval, ...]


def all_zones() -> frozenset[str]:
    """Every time zone that people may be in."""
    return frozenset(available_timezones())


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """A naive local time as an instant in UTC. `fold=0` gives the rule above for both odd nights."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def due_zones(
    schedule: Schedule, zone_names: Iterable[str | None], *, known: frozenset[str] | None = None
) -> list[DueZone]:
    """The run's zones for the audience's zone names. Zone 0 is the campaign's own, for people without a known one.

    A message that falls due in quiet hours is due at their end; expiry counts from the schedule's own instant.
    """
    real = available_timezones() if known is None else known
    names = sorted({name for name in zone_names if name and name in real and name != schedule.time_zone})
    own = schedule.local_time == "Campaign" and schedule.quiet_hours is None
    return [
        _zone(schedule, index, name)
        for index, name in enumerate([schedule.time_zone] if own else [schedule.time_zone, *names])
    ]


def _zone(schedule: Schedule, index: int, name: str) -> DueZone:
    zone = ZoneInfo(name)
    local = parse_local_instant(schedule.at)
    at = instant(local, zone if schedule.local_time == "Recipient" else ZoneInfo(schedule.time_zone))
    expires = at + parse_duration(schedule.expires_after)
    quiet: tuple[Interval, ...] = ()
    if schedule.quiet_hours is not None:
        start, end = parse_clock(schedule.quiet_hours.from_), parse_clock(schedule.quiet_hours.to)
        quiet = tuple(_quiet_intervals(at, expires, zone, start, end))
    due = next((stop for begin, stop in quiet if begin <= at < stop), at)
    return DueZone(index, name, due, expires, quiet)


def _quiet_intervals(first: datetime, last: datetime, zone: ZoneInfo, start: time, end: time) -> Iterable[Interval]:
    day = first.astimezone(zone).date() - timedelta(days=1)
    while True:
        begin = instant(datetime.combine(day, start), zone)
        stop = instant(datetime.combine(day if end > start else day + timedelta(days=1), end), zone)
        if begin > last:
            return
        if stop > first and stop > begin:
            yield begin, stop
        day += timedelta(days=1)
