"""The simulation of a run's pace: properties on random runs, and figures that a person can work out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from herold.ledger.times import DueZone, due_zones
from herold.planning.pace import Group, simulate
from herold.resources.campaign import Schedule

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def zone(number: int, due: datetime, hours: float, quiet: tuple[tuple[datetime, datetime], ...] = ()) -> DueZone:
    return DueZone(number, f"zone {number}", due, due + timedelta(hours=hours), quiet)


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[Group], list[DueZone], list[Decimal]]:
    zones = []
    for number in range(draw(st.integers(1, 4))):
        due = NOON + timedelta(minutes=draw(st.integers(0, 600)))
        hours = draw(st.integers(1, 40))
        quiet = []
        at = due
        for _ in range(draw(st.integers(0, 3))):
            begin = at + timedelta(minutes=draw(st.integers(0, 400)))
            at = begin + timedelta(minutes=draw(st.integers(1, 400)))
            quiet.append((begin, at))
        zones.append(zone(number, due, hours, tuple(quiet)))
    rates = draw(st.lists(st.decimals("0.01", "20", places=2), min_size=1, max_size=3))
    groups = draw(
        st.lists(
            st.builds(
                Group, st.sampled_from(range(len(zones))), st.sampled_from(range(len(rates))), st.integers(0, 5_000)
            ),
            max_size=8,
        )
    )
    return groups, zones, rates


ALLOWANCES = st.dictionaries(
    st.sampled_from([date(2026, 12, 1) + timedelta(days=days) for days in range(4)]), st.integers(0, 3_000)
)


@settings(max_examples=150, deadline=None)
@given(runs(), ALLOWANCES)
def test_nobody_is_lost_and_nothing_goes_out_when_it_may_not(
    run: tuple[list[Group], list[DueZone], list[Decimal]], allowance: dict[date, int]
) -> None:
    groups, zones, rates = run
    pace = simulate(groups, zones, rates, now=NOON, allowance=allowance)
    assert pace.people == sum(group.people for group in groups)
    assert pace.sent + pace.expired == pace.people
    assert pace.sent >= 0
    assert sum(each.sent for each in pace.zones) == sum(bar.sent for bar in pace.bars) == pace.sent
    assert sum(sent for _, sent in pace.lanes) == pace.sent
    assert all(bar.sent >= 0 for bar in pace.bars)
    for each in pace.zones:
        assert 0 <= each.sent <= each.people
        known = zones[each.zone]
        for instant in (each.first, each.last):
            if instant is not None:
                assert known.due_at <= instant <= known.expires_at
                assert not any(begin < instant < end for begin, end in known.quiet)
    by_day: dict[date, int] = {}
    for bar in pace.bars:
        if pace.step <= 86_400:
            by_day[bar.start.date()] = by_day.get(bar.start.date(), 0) + bar.sent
    for day, allowed in allowance.items():
        assert by_day.get(day, 0) <= allowed + len(pace.bars)  # bars are rounded


@settings(max_examples=150, deadline=None)
@given(runs(), st.decimals("1", "9", places=2))
def test_a_greater_rate_never_sends_less_in_any_zone(
    run: tuple[list[Group], list[DueZone], list[Decimal]], factor: Decimal
) -> None:
    groups, zones, rates = run
    slow = simulate(groups, zones, rates, now=NOON)
    fast = simulate(groups, zones, [rate * factor for rate in rates], now=NOON)
    assert fast.sent >= slow.sent
    assert all(a.sent >= b.sent for a, b in zip(fast.zones, slow.zones, strict=True))


@settings(max_examples=50, deadline=None)
@given(runs(), st.integers(1, 3_000))
def test_more_people_in_a_lane_never_make_less_mail(
    run: tuple[list[Group], list[DueZone], list[Decimal]], more: int
) -> None:
    groups, zones, rates = run
    first = simulate(groups, zones, rates, now=NOON)
    second = simulate([*groups, Group(0, 0, more)], zones, rates, now=NOON)
    assert second.sent >= first.sent


def test_people_go_out_one_after_another_at_the_lane_s_rate() -> None:
    pace = simulate([Group(0, 0, 600)], [zone(0, NOON, 24)], [Decimal(10)], now=NOON - timedelta(days=2))
    assert (pace.sent, pace.expired) == (600, 0)
    assert pace.first == NOON  # a tenth of a second later, rounded
    assert pace.last == NOON + timedelta(seconds=60)
    assert pace.step == 60
    assert [bar.sent for bar in pace.bars] == [600]


def test_lanes_do_not_wait_for_each_other() -> None:
    pace = simulate([Group(0, 0, 60), Group(0, 1, 6_000)], [zone(0, NOON, 24)], [Decimal(1), Decimal(100)], now=NOON)
    assert pace.last == NOON + timedelta(seconds=60)
    assert pace.lanes == ((0, 60), (1, 6_000))


def test_what_does_not_fit_between_due_time_and_expiry_expires_unsent() -> None:
    pace = simulate([Group(0, 0, 10_000)], [zone(0, NOON, 1)], [Decimal(1)], now=NOON)
    assert (pace.sent, pace.expired) == (3_600, 6_400)


def test_quiet_hours_interrupt_and_then_it_goes_on() -> None:
    quiet = ((NOON + timedelta(minutes=10), NOON + timedelta(hours=10)),)
    pace = simulate([Group(0, 0, 1_200)], [zone(0, NOON, 24, quiet)], [Decimal(1)], now=NOON)
    assert pace.sent == 1_200
    assert pace.last == NOON + timedelta(hours=10, minutes=10)


def test_warm_up_is_one_allowance_for_all_lanes_by_utc_day() -> None:
    allowance = {date(2026, 12, 1): 100, date(2026, 12, 2): 400}
    groups = [Group(0, 0, 300), Group(0, 1, 300)]
    pace = simulate(groups, [zone(0, NOON, 48)], [Decimal(10), Decimal(10)], now=NOON, allowance=allowance)
    assert pace.sent == 600
    assert pace.first == NOON
    # 100 today, 400 tomorrow from midnight on, the last 100 on the day without a limit.
    assert pace.last == datetime(2026, 12, 3, 0, 0, 5, tzinfo=UTC)


def test_a_run_that_can_not_begin_by_its_deadline_does_not_begin() -> None:
    used_up = {date(2026, 12, 1): 0}
    zones = [zone(0, NOON, 48)]
    begins = simulate([Group(0, 0, 5)], zones, [Decimal(1)], now=NOON, allowance=used_up)
    never = simulate(
        [Group(0, 0, 5)], zones, [Decimal(1)], now=NOON, allowance=used_up, start_by=NOON + timedelta(hours=6)
    )
    assert (begins.sent, never.sent) == (5, 0)


def test_nothing_goes_out_before_now() -> None:
    pace = simulate([Group(0, 0, 100)], [zone(0, NOON, 24)], [Decimal(1)], now=NOON + timedelta(hours=2))
    assert pace.first == NOON + timedelta(hours=2, seconds=1)


def test_all_zones_of_the_world_take_no_time_to_play_through() -> None:
    schedule = Schedule.model_validate(
        {
            "at": "2026-12-01T09:00:00",
            "timeZone": "Europe/Warsaw",
            "localTime": "Recipient",
            "expiresAfter": "30d",
            "quietHours": {"from": "21:00", "to": "08:00"},
        }
    )
    from zoneinfo import available_timezones

    zones = due_zones(schedule, available_timezones())
    groups = [Group(each.zone, lane, 1_000) for each in zones for lane in range(33)]
    pace = simulate(groups, zones, [Decimal("0.5")] * 33, now=NOON - timedelta(days=3))
    assert pace.people == 1_000 * 33 * len(zones)
    assert len(pace.zones) == len(zones)
    assert 1 <= len(pace.bars) <= 60


def test_the_order_of_the_groups_does_not_matter() -> None:
    zones = [zone(0, NOON, 2), replace(zone(1, NOON, 2), name="other"), zone(2, NOON + timedelta(hours=1), 2)]
    groups = [Group(number, lane, 4_000) for number in range(3) for lane in range(2)]
    rates = [Decimal(1), Decimal(2)]
    assert simulate(groups, zones, rates, now=NOON) == simulate(groups[::-1], zones, rates, now=NOON)
