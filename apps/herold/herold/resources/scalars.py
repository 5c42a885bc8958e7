"""Scalars as Kubernetes resources spell them: durations, rates and money are strings, never floats."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

DURATION_PATTERN = r"^([0-9]{1,5}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$"
CLOCK_PATTERN = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
LOCAL_INSTANT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$"
INSTANT_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
RATE_PATTERN = r"^[0-9]{1,7}(\.[0-9]{1,3})?$"
MONEY_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,6})?$"
ZONE_PATTERN = r"^[A-Za-z][-A-Za-z0-9_+]*(/[-A-Za-z0-9_+]+)*$"
NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
IDENTIFIER_PATTERN = r"^[a-z][a-z0-9_]*$"
LOCALE_PATTERN = r"^[a-z]{2}(-[A-Z]{2})?$"
DOMAIN_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
ADDRESS_PATTERN = (
    r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*$"
)
HOST_PATTERN = r"^[A-Za-z0-9.:-]+$"
SELECTOR_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
URL_PATTERN = r"^https://[^\s\"'<>]+$"
CURRENCY_PATTERN = r"^[A-Z]{3}$"
DIGEST_PATTERN = r"^sha256:[0-9a-f]{64}$"

# What a person writes to match each pattern: for mistakes and for the reference page.
PATTERN_WORDS = {
    DURATION_PATTERN: "a duration like 30m, 6h or 1d12h",
    CLOCK_PATTERN: "a time of day like '21:00', in quotes",
    LOCAL_INSTANT_PATTERN: "a local date and time like 2026-12-01T09:00:00, without an offset",
    INSTANT_PATTERN: "an instant in UTC like '2026-12-01T09:00:00Z', in quotes",
    DATE_PATTERN: "a date like 2026-12-01",
    RATE_PATTERN: "a number of messages a second in quotes, like '800' or '0.5'",
    MONEY_PATTERN: "an amount in quotes, like '12.50'",
    ZONE_PATTERN: "the name of a time zone, like Europe/Warsaw",
    NAME_PATTERN: "a name of lower-case letters, digits and '-', like spring-sale",
    IDENTIFIER_PATTERN: "a name of lower-case letters, digits and '_', like first_name",
    LOCALE_PATTERN: "a locale like en or en-GB",
    DOMAIN_PATTERN: "a domain in lower case, like mail.example.com",
    ADDRESS_PATTERN: "a mail address like news@shop.example",
    HOST_PATTERN: "a host name or an IP address",
    SELECTOR_PATTERN: "a DKIM selector like s1",
    URL_PATTERN: "an address that begins with https://",
    CURRENCY_PATTERN: "a currency code like EUR",
    DIGEST_PATTERN: "sha256: and 64 digits from 0 to f, as the plan prints them",
}
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}


def parse_duration(text: str) -> timedelta:
    """`1d12h` -> timedelta. Units d, h, m, s, in this order, each at most once. Raises ValueError."""
    if not text or not _matches(DURATION_PATTERN, text):
        raise ValueError(f"{text!r} is not a duration; write it like 30m, 6h or 1d12h")
    return timedelta(seconds=sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"([0-9]+)([dhms])", text)))


def parse_clock(text: str) -> time:
    """`21:00` -> time. Raises ValueError."""
    if not _matches(CLOCK_PATTERN, text):
        raise ValueError(f"{text!r} is not a time of day; write it like '21:00', in quotes")
    return time.fromisoformat(text)


def parse_local_instant(text: str) -> datetime:
    """`2026-12-01T09:00:00` -> naive datetime; the zone stands beside it. Raises ValueError."""
    how = "a local time; write it like 2026-12-01T09:00:00, without an offset"
    return _parse_moment(LOCAL_INSTANT_PATTERN, text, how)


def parse_instant(text: str) -> datetime:
    """`2026-12-01T09:00:00Z` -> aware datetime in UTC. Raises ValueError."""
    return _parse_moment(INSTANT_PATTERN, text, "an instant in UTC; write it like 2026-12-01T09:00:00Z")


def _parse_moment(pattern: str, text: str, how: str) -> datetime:
    if not _matches(pattern, text):
        raise ValueError(f"{text!r} is not {how}")
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date and time that exists: {error}") from None


def parse_date(text: str) -> date:
    """`2026-12-01` -> date. Raises ValueError."""
    if not _matches(DATE_PATTERN, text):
        raise ValueError(f"{text!r} is not a date; write it like 2026-12-01")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date that exists: {error}") from None


def parse_rate(text: str) -> Decimal:
    """`800` or `0.5` (messages a second) -> Decimal > 0. Raises ValueError."""
    if not _matches(RATE_PATTERN, text) or Decimal(text) <= 0:
        raise ValueError(f"{text!r} is not a rate; write messages a second as a string like '800' or '0.5'")
    return Decimal(text)


def parse_money(text: str) -> Decimal:
    """`12.50` -> Decimal >= 0. Raises ValueError."""
    if not _matches(MONEY_PATTERN, text):
        raise ValueError(f"{text!r} is not an amount; write it as a string like '12.50'")
    return Decimal(text)


def _matches(pattern: str, text: str) -> bool:
    # `$` in Python also matches before a last newline; fullmatch does not.
    return re.fullmatch(pattern, text) is not None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(text: str) -> str:
    if text not in _zones():
        near = get_close_matches(text, _zones(), n=1, cutoff=0.7)
        raise ValueError(f"{text!r} is not a time zone; write {near[0] if near else 'a name like Europe/Warsaw'}")
    return text


def _checked(parse: Callable[[str], Any]) -> AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


# Rules of shape that a pattern can't say go to the API server as CEL.
_POSITIVE = {"x-kubernetes-validations": [{"rule": "self.matches('[1-9]')", "message": "must be more than 0"}]}

Duration = Annotated[str, Field(min_length=2, max_length=24, pattern=DURATION_PATTERN), _checked(parse_duration)]
Clock = Annotated[str, Field(min_length=5, max_length=5, pattern=CLOCK_PATTERN)]
LocalInstant = Annotated[str, Field(max_length=19, pattern=LOCAL_INSTANT_PATTERN), _checked(parse_local_instant)]
Instant = Annotated[str, Field(max_length=20, pattern=INSTANT_PATTERN), _checked(parse_instant)]
Date = Annotated[str, Field(max_length=10, pattern=DATE_PATTERN), _checked(parse_date)]
Rate = Annotated[str, Field(max_length=11, pattern=RATE_PATTERN, json_schema_extra={**_POSITIVE}), _checked(parse_rate)]
Money = Annotated[str, Field(max_length=19, pattern=MONEY_PATTERN), _checked(parse_money)]
TimeZone = Annotated[str, Field(max_length=64, pattern=ZONE_PATTERN), AfterValidator(_zone)]
Name = Annotated[str, Field(max_length=63, pattern=NAME_PATTERN)]
Identifier = Annotated[str, Field(max_length=63, pattern=IDENTIFIER_PATTERN)]
Locale = Annotated[str, Field(max_length=5, pattern=LOCALE_PATTERN)]
Domain = Annotated[str, Field(max_length=253, pattern=DOMAIN_PATTERN)]
Address = Annotated[str, Field(max_length=254, pattern=ADDRESS_PATTERN)]
Host = Annotated[str, Field(max_length=253, pattern=HOST_PATTERN)]
Url = Annotated[str, Field(max_length=512, pattern=URL_PATTERN)]
Digest = Annotated[str, Field(max_length=71, pattern=DIGEST_PATTERN)]
Text = Annotated[str, Field(max_length=998)]
