"""When each recipient's turn comes: due, expiry and quiet hours by time zone, with DST.

All of it is computed here and nowhere else: PostgreSQL and Python disagree about 02:30 on the night that has it twice.
Rule: a local time that does not exist moves forward by the gap (02:30 becomes 03:30); one that exists twice means the
first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache
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
    clock = _Clock(schedule)
    return [clock.zone(index, name) for index, name in enumerate(_names(schedule, zone_names, known))]


def due_bounds(
    schedule: Schedule, zone_names: Iterable[str | None], *, known: frozenset[str] | None = None
) -> tuple[datetime, datetime]:
    """The first and the last instant at which somebody falls due, of `due_zones` with the same arguments."""
    clock = _Clock(schedule)
    due = [clock.due(_zone_info(name)) for name in _names(schedule, zone_names, known)]
    return min(due), max(due)


def _names(schedule: Schedule, zone_names: Iterable[str | None], known: frozenset[str] | None) -> list[str]:
    if schedule.local_time == "Campaign" and schedule.quiet_hours is None:
        return [schedule.time_zone]
    real = available_timezones() if known is None else known
    return [
        schedule.time_zone,
        *sorted({name for name in zone_names if name and name in real and name != schedule.time_zone}),
    ]


@cache
def _zone_info(name: str) -> ZoneInfo:
    """Its own cache keeps eight, and an audience may live in all of six hundred."""
    return ZoneInfo(name)


class _Clock:
    """A schedule, read once for all zones."""

    def __init__(self, schedule: Schedule) -> None:
        self._local = parse_local_instant(schedule.at)
        self._lasts = parse_duration(schedule.expires_after)
        own = instant(self._local, _zone_info(schedule.time_zone))
        self._own = None if schedule.local_time == "Recipient" else own
        quiet = schedule.quiet_hours
        self._quiet = None if quiet is None else (parse_clock(quiet.from_), parse_clock(quiet.to))

    def zone(self, index: int, name: str) -> DueZone:
        zone = _zone_info(name)
        at = self._at(zone)
        expires = at + self._lasts
        quiet = () if self._quiet is None else tuple(_quiet_intervals(at, expires, zone, *self._quiet))
        return DueZone(index, name, _out_of(quiet, at), expires, quiet)

    def due(self, zone: ZoneInfo) -> datetime:
        at = self._at(zone)
        return at if self._quiet is None else _out_of(_quiet_intervals(at, at, zone, *self._quiet), at)

    def _at(self, zone: ZoneInfo) -> datetime:
        return instant(self._local, zone) if self._own is None else self._own


def _out_of(quiet: Iterable[Interval], at: datetime) -> datetime:
    return next((stop for begin, stop in quiet if begin <= at < stop), at)


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
