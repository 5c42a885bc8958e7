"""Durations, rates and times are strings that say exactly one thing."""

from datetime import timedelta

import pytest

from herold.resources.scalars import parse_clock, parse_duration, parse_local_instant, parse_rate


def test_a_duration_adds_its_units_up() -> None:
    assert parse_duration("1d12h30m5s") == timedelta(days=1, hours=12, minutes=30, seconds=5)


@pytest.mark.parametrize("text", ["", "5", "1h1d", "-1h", "1.5h", "1h ", "1w"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["24:00", "9:00", "21:60", "1260", ""])
def test_what_is_not_a_time_of_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time of day"):
        parse_clock(text)


@pytest.mark.parametrize("text", ["0", "-1", "1e3", "fast", "1/s"])
def test_what_is_not_a_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a rate"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["2026-12-01T09:00:00Z", "2026-12-01T09:00:00+01:00", "2026-12-01", "tomorrow"])
def test_a_local_time_has_no_offset(text: str) -> None:
    with pytest.raises(ValueError, match="is not a local time"):
        parse_local_instant(text)
