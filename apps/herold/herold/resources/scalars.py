"""Scalars as Kubernetes resources spell them: durations, rates and money are strings, never floats."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field

DURATION_PATTERN = r"^([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$"
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_duration(text: str) -> timedelta:
    """`1d12h` -> timedelta. Units d, h, m, s, in this order, each at most once. Raises ValueError."""
    if not text or not re.match(DURATION_PATTERN, text):
        raise ValueError(f"{text!r} is not a duration; write it like 30m, 6h or 1d12h")
    return timedelta(seconds=sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"([0-9]+)([dhms])", text)))


def parse_clock(text: str) -> time:
    """`21:00` -> time. Raises ValueError."""
    if not re.match(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", text):
        raise ValueError(f"{text!r} is not a time of day; write it like '21:00', in quotes")
    return time.fromisoformat(text)


def parse_local_instant(text: str) -> datetime:
    """`2026-12-01T09:00:00` -> naive datetime; the zone stands beside it. Raises ValueError."""
    if not re.match(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$", text):
        raise ValueError(f"{text!r} is not a local time; write it like 2026-12-01T09:00:00, without an offset")
    return datetime.fromisoformat(text)


def parse_rate(text: str) -> Decimal:
    """`800` or `0.5` (messages a second) -> Decimal > 0. Raises ValueError."""
    if not re.match(r"^[0-9]{1,7}(\.[0-9]{1,3})?$", text) or Decimal(text) <= 0:
        raise ValueError(f"{text!r} is not a rate; write messages a second as a string like '800' or '0.5'")
    return Decimal(text)


def parse_money(text: str) -> Decimal:
    """`12.50` -> Decimal >= 0. Raises ValueError."""
    if not re.match(r"^[0-9]{1,12}(\.[0-9]{1,6})?$", text):
        raise ValueError(f"{text!r} is not an amount; write it as a string like '12.50'")
    return Decimal(text)


def _checked(parse: object) -> AfterValidator:
    def check(text: str) -> str:
        parse(text)  # type: ignore[operator]
        return text

    return AfterValidator(check)


def _zone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError(f"{text!r} is not a time zone; write a name like Europe/Warsaw")
    ZoneInfo(text)
    return text


Duration = Annotated[str, Field(max_length=24, pattern=DURATION_PATTERN), _checked(parse_duration)]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", max_length=5)]
LocalInstant = Annotated[str, Field(max_length=19), _checked(parse_local_instant)]
Rate = Annotated[str, Field(max_length=11), _checked(parse_rate)]
Money = Annotated[str, Field(max_length=19), _checked(parse_money)]
TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_zone)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=63)]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", max_length=5)]
Domain = Annotated[
    str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253)
]
Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+$", max_length=254)]
Text = Annotated[str, Field(max_length=998)]
