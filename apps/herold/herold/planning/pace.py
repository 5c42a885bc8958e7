"""How long it takes, and what expires unsent: the claim's own rules, played through without a clock or a database.

As the claim does, each lane serves the zone that fell due first among those that are open (due, not expired, not in
quiet hours), at the lane's rate; buckets start empty; warm-up is one allowance for all lanes of the sender, by UTC
day. Assumed: one try is enough, the relay keeps up, and nothing else wants the sender's rates at that time.

Arithmetic is exact (fractions), so the result is the same on every machine, nobody is lost by rounding, and, without
warm-up, a greater rate never sends less. (With it, it may: a fast lane can use up a day that another lane needed.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil

from herold.ledger.times import DueZone

_DAY = 86_400
_STEPS = (60, 300, 900, 3_600, 6 * 3_600, _DAY, 7 * _DAY)
_MOST_BARS = 48


@dataclass(frozen=True, slots=True)
class Group:
    """People of one lane in one zone (`DueZone.zone`); `lane` is the index in `rates`."""

    zone: int
    lane: int
    people: int


@dataclass(frozen=True, slots=True)
class ZonePace:
    """One zone: `first` and `last` are the instants at which its first and its last message goes out."""

    zone: int
    name: str
    people: int
    sent: int
    first: datetime | None
    last: datetime | None

    @property
    def expired(self) -> int:
        """How many expire unsent."""
        return self.people - self.sent


@dataclass(frozen=True, slots=True)
class Bar:
    """How many messages go out in the step that begins at `start`."""

    start: datetime
    sent: int


@dataclass(frozen=True, slots=True)
class Pace:
    """`zones` in the order in which they fall due; `bars` of `step` seconds each, without a gap."""

    people: int
    sent: int
    first: datetime | None
    last: datetime | None
    zones: tuple[ZonePace, ...]
    lanes: tuple[tuple[int, int], ...]
    step: int
    bars: tuple[Bar, ...]

    @property
    def expired(self) -> int:
        """How many expire unsent."""
        return self.people - self.sent

    @property
    def greatest_zones(self) -> tuple[ZonePace, ...]:
        """The zones with most people first."""
        return tuple(sorted(self.zones, key=lambda zone: (-zone.people, zone.zone)))

    @property
    def duration(self) -> timedelta:
        """From the first message to the last."""
        return self.last - self.first if self.first and self.last else timedelta()


@dataclass(slots=True)
class _Queue:
    """People of one lane whose zones share all their times. `spans`: (from, to, messages before, messages after)."""

    lane: int
    open: list[tuple[int, int]]
    left: Fraction
    zones: list[tuple[DueZone, int]]
    spans: list[tuple[Fraction, Fraction, Fraction, Fraction]] = field(default_factory=list)

    def is_open(self, at: Fraction) -> bool:
        index = bisect_right(self.open, (at, float("inf"))) - 1
        return index >= 0 and at < self.open[index][1]


def simulate(
    groups: Iterable[Group],
    zones: Sequence[DueZone],
    rates: Sequence[Decimal],
    *,
    now: datetime,
    start_by: datetime | None = None,
    allowance: Mapping[date, int] | None = None,
) -> Pace:
    """Play the run through. `rates`: messages a second of each lane. `allowance`: what warm-up still allows on each
    UTC day; days that are not in it have no limit. What has not begun by `start_by` does not begin at all.
    """
    by_number = {zone.zone: zone for zone in zones}
    begin = ceil(now.timestamp())
    queues = _queues(groups, by_number, begin)
    daily = {_midnight(day): allowed for day, allowed in (allowance or {}).items()}
    if daily:
        _serve(queues, rates, begin, daily)
    else:
        for lane in sorted({queue.lane for queue in queues}):
            _serve([queue for queue in queues if queue.lane == lane], rates, begin, daily)
    starts = [queue.spans[0][0] for queue in queues if queue.spans]
    if start_by is not None and starts and min(starts) > start_by.timestamp():
        for queue in queues:
            queue.spans.clear()
    return _told(queues, by_number)


def _queues(groups: Iterable[Group], zones: Mapping[int, DueZone], begin: int) -> list[_Queue]:
    people: dict[tuple[int, int], int] = {}
    for group in groups:
        if group.people > 0:
            place = (group.lane, group.zone)
            people[place] = people.get(place, 0) + group.people
    found: dict[tuple[object, ...], _Queue] = {}
    for (lane, number), count in sorted(people.items(), key=lambda item: (zones[item[0][1]].due_at, item[0][1])):
        zone = zones[number]
        key = (lane, zone.due_at, zone.expires_at, zone.quiet)
        queue = found.setdefault(key, _Queue(lane, _opening(zone, begin), Fraction(0), []))
        queue.left += count
        queue.zones.append((zone, count))
    return list(found.values())


def _opening(zone: DueZone, begin: int) -> list[tuple[int, int]]:
    """When the zone is open, in seconds since 1970."""
    opened: list[tuple[int, int]] = []
    at, end = max(begin, ceil(zone.due_at.timestamp())), ceil(zone.expires_at.timestamp())
    for quiet_from, quiet_to in zone.quiet:
        if quiet_from.timestamp() > at:
            opened.append((at, min(end, ceil(quiet_from.timestamp()))))
        at = max(at, ceil(quiet_to.timestamp()))
    opened.append((at, end))
    return [(first, last) for first, last in opened if first < last]


def _serve(queues: list[_Queue], rates: Sequence[Decimal], begin: int, daily: dict[int, int]) -> None:
    """Fill in the spans of `queues`, which are in the order in which they are served."""
    turns = sorted({instant for queue in queues for span in queue.open for instant in span})
    lanes: dict[int, list[_Queue]] = {}
    for queue in queues:
        lanes.setdefault(queue.lane, []).append(queue)
    speed = [Fraction(rate) for rate in rates]
    left_today: dict[int, Fraction] = {day: Fraction(max(0, allowed)) for day, allowed in daily.items()}
    at = Fraction(begin)
    while turns and at < turns[-1]:
        until = Fraction(turns[bisect_right(turns, at)])
        day = int(at // _DAY) * _DAY
        if daily:
            until = min(until, Fraction(day + _DAY))
        busy: list[_Queue] = []
        if left_today.get(day) != 0:
            for waiting in lanes.values():
                busy += [each for each in waiting if each.left and each.is_open(at)][:1]
        for queue in busy:
            until = min(until, at + queue.left / speed[queue.lane])
        if busy and day in left_today:
            until = min(until, at + left_today[day] / sum(speed[queue.lane] for queue in busy))
        for queue in busy:
            done = (until - at) * speed[queue.lane]
            before = queue.spans[-1][3] if queue.spans else Fraction(0)
            queue.spans.append((at, until, before, before + done))
            queue.left -= done
            if day in left_today:
                left_today[day] -= done
        at = until
        if not any(queue.left for queue in queues):
            return


def _told(queues: list[_Queue], zones: Mapping[int, DueZone]) -> Pace:
    people: dict[int, int] = {}
    sent: dict[int, int] = {}
    first: dict[int, Fraction] = {}
    last: dict[int, Fraction] = {}
    by_lane: dict[int, int] = {}
    for queue in queues:
        served = int(queue.spans[-1][3]) if queue.spans else 0
        by_lane[queue.lane] = by_lane.get(queue.lane, 0) + served
        before = 0
        for zone, count in queue.zones:
            number, done = zone.zone, max(0, min(count, served - before))
            people[number] = people.get(number, 0) + count
            sent[number] = sent.get(number, 0) + done
            if done:
                begun, ended = _when(queue, Fraction(before + 1)), _when(queue, Fraction(before + done))
                first[number] = min(begun, first.get(number, begun))
                last[number] = max(ended, last.get(number, ended))
            before += count
    step, bars = _bars(queues, sum(by_lane.values()))
    paces = tuple(
        ZonePace(number, zones[number].name, people[number], sent[number], _at(first, number), _at(last, number))
        for number in sorted(people, key=lambda number: (zones[number].due_at, number))
    )
    return Pace(
        sum(people.values()),
        sum(sent.values()),
        min((each.first for each in paces if each.first), default=None),
        max((each.last for each in paces if each.last), default=None),
        paces,
        tuple(sorted(by_lane.items())),
        step,
        bars,
    )


def _at(instants: Mapping[int, Fraction], number: int) -> datetime | None:
    return datetime.fromtimestamp(round(instants[number]), UTC) if number in instants else None


def _when(queue: _Queue, message: Fraction) -> Fraction:
    """The instant at which the queue has sent so many messages."""
    for begun, ended, before, after in queue.spans:
        if message <= after:
            return begun + (message - before) / (after - before) * (ended - begun)
    return queue.spans[-1][1]


def _bars(queues: list[_Queue], total: int) -> tuple[int, tuple[Bar, ...]]:
    """Messages by step; they add up to `total`."""
    spans = [span for queue in queues for span in queue.spans]
    if not spans or not total:
        return _STEPS[0], ()
    low, high = min(span[0] for span in spans), max(span[1] for span in spans)
    step = next((each for each in _STEPS if (high // each) - (low // each) < _MOST_BARS), _STEPS[-1])
    start = int(low // step) * step
    amounts = [Fraction(0)] * (int((high - start) // step) + 1)
    for begun, ended, before, after in spans:
        speed = (after - before) / (ended - begun)
        for index in range(int((begun - start) // step), int((ended - start) // step) + 1):
            inside = min(ended, Fraction(start + (index + 1) * step)) - max(begun, Fraction(start + index * step))
            amounts[index] += max(Fraction(0), inside) * speed
    bars: list[Bar] = []
    exact, told = Fraction(0), 0
    for index, amount in enumerate(amounts):
        exact += amount
        reached = total if index == len(amounts) - 1 else min(total, round(exact))
        bars.append(Bar(datetime.fromtimestamp(start + index * step, UTC), reached - told))
        told = reached
    while len(bars) > 1 and not bars[-1].sent:
        bars.pop()
    return step, tuple(bars)


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
