"""When each recipient's turn comes, on odd nights too."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from herold.ledger.times import all_zones, due_bounds, due_zones
from herold.resources.campaign import Schedule

MOMENTS = (datetime.fromisoformat("2026-01-01T00:00:00"), datetime.fromisoformat("2028-01-01T00:00:00"))


def schedule(at: str, zone: str = "Europe/Warsaw", **more: object) -> Schedule:
    return Schedule.model_validate({"at": at, "timeZone": zone, **more})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_everybody_at_one_moment_needs_one_zone() -> None:
    zones = due_zones(schedule("2026-12-01T09:00:00"), ["Europe/Berlin", "America/New_York", None])
    assert [(zone.name, zone.due_at) for zone in zones] == [("Europe/Warsaw", utc("2026-12-01T08:00:00"))]


def test_recipients_own_time_is_one_instant_for_each_zone() -> None:
    zones = due_zones(
        schedule("2026-12-01T09:00:00", localTime="Recipient"), ["America/New_York", "Asia/Tokyo", "Asia/Tokyo", None]
    )
    assert {zone.name: zone.due_at for zone in zones} == {
        "Europe/Warsaw": utc("2026-12-01T08:00:00"),
        "America/New_York": utc("2026-12-01T14:00:00"),
        "Asia/Tokyo": utc("2026-12-01T00:00:00"),
    }


def test_half_past_two_on_the_night_that_has_none_moves_forward_by_the_gap() -> None:
    (zone,) = due_zones(schedule("2027-03-28T02:30:00"), [])
    assert zone.due_at == utc("2027-03-28T01:30:00")  # 03:30 in Warsaw


def test_half_past_two_on_the_night_that_has_two_means_the_first() -> None:
    (zone,) = due_zones(schedule("2026-10-25T02:30:00"), [])
    assert zone.due_at == utc("2026-10-25T00:30:00")  # 02:30 in summer time


def test_what_falls_due_in_quiet_hours_is_due_at_their_end() -> None:
    quiet = {"from": "21:00", "to": "08:00"}
    zones = due_zones(
        schedule("2026-12-01T09:00:00", localTime="Campaign", quietHours=quiet, expiresAfter="3d"),
        ["America/New_York", "Asia/Tokyo"],
    )
    due = {zone.name: zone.due_at for zone in zones}
    assert due["Europe/Warsaw"] == utc("2026-12-01T08:00:00")
    assert due["Asia/Tokyo"] == utc("2026-12-01T08:00:00")  # 17:00 there
    assert due["America/New_York"] == utc("2026-12-01T13:00:00")  # 3:00 there: at eight


def test_quiet_hours_over_midnight_cover_every_night_until_the_end() -> None:
    (zone, *_) = due_zones(
        schedule("2026-12-01T09:00:00", quietHours={"from": "21:00", "to": "08:00"}, expiresAfter="3d"), []
    )
    assert [(begin.isoformat(), end.isoformat()) for begin, end in zone.quiet] == [
        ("2026-12-01T20:00:00+00:00", "2026-12-02T07:00:00+00:00"),
        ("2026-12-02T20:00:00+00:00", "2026-12-03T07:00:00+00:00"),
        ("2026-12-03T20:00:00+00:00", "2026-12-04T07:00:00+00:00"),
    ]


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd"])
def test_people_with_a_zone_that_does_not_exist_go_with_the_campaigns_own(name: str) -> None:
    zones = due_zones(schedule("2026-12-01T09:00:00", localTime="Recipient"), [name])
    assert [zone.name for zone in zones] == ["Europe/Warsaw"]


def test_expiry_counts_from_the_schedule_not_from_the_end_of_quiet_hours() -> None:
    zones = due_zones(
        schedule("2026-12-01T09:00:00", quietHours={"from": "21:00", "to": "08:00"}, expiresAfter="4h"),
        ["America/New_York"],
    )
    assert {zone.expires_at for zone in zones} == {utc("2026-12-01T12:00:00")}


@given(
    at=some.datetimes(MOMENTS[0], MOMENTS[1]).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%S}"),
    local_time=some.sampled_from(["Campaign", "Recipient"]),
    quiet=some.sampled_from(
        [{}, {"quietHours": {"from": "21:00", "to": "08:00"}}, {"quietHours": {"from": "02:15", "to": "02:45"}}]
    ),
    names=some.sets(some.sampled_from(sorted(all_zones())), max_size=8),
)
def test_the_first_and_the_last_who_are_due_are_those_of_all_zones(
    at: str, local_time: str, quiet: dict[str, Any], names: set[str]
) -> None:
    found = schedule(at, localTime=local_time, **quiet)
    due = [zone.due_at for zone in due_zones(found, names)]
    assert due_bounds(found, names) == (min(due), max(due))
