"""Numbers, times and the one sentence that says what will happen, in plain words."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from re import sub
from zoneinfo import ZoneInfo

from herold.message.values import clean
from herold.planning.plan import Plan

_BLOCKING = ("AlreadyRan", "OccurrenceWentBack", "TooManyRecipients", "NobodyToReach", "StartMissed")


def number(count: int) -> str:
    """`22,310`."""
    return f"{count:,}"


def signed(count: int) -> str:
    """`+1,200`, `−30` (with a minus sign), `0`."""
    return f"+{count:,}" if count > 0 else f"−{-count:,}" if count else "0"


def people(count: int) -> str:
    """`1 person`, `22,310 people`."""
    return "1 person" if count == 1 else f"{count:,} people"


def share(part: int, whole: int) -> str:
    """`12 %`; what is there but rounds to nothing is `<1 %`."""
    if not whole or not part:
        return "0 %"
    percent = 100 * part / whole
    return "<1 %" if percent < 1 else f"{percent:.0f} %"


def money(amount: Decimal, currency: str) -> str:
    """`12.50 EUR`."""
    return f"{amount:,.2f} {currency}"


def length(span: timedelta) -> str:
    """`28 min`, `3 h 5 min`, `2 d 4 h`; under two minutes in seconds."""
    seconds = round(span.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def place(zone: str) -> str:
    """`Warsaw time` for Europe/Warsaw."""
    return f"{zone.rpartition('/')[2].replace('_', ' ')} time"


def day(at: datetime) -> str:
    """`1 December 2026`, of a local time."""
    return f"{at.day} {at:%B %Y}"


def moment(at: datetime | None, zone: str) -> str:
    """`1 December 2026 09:00` in that zone, or a dash."""
    if at is None:
        return "–"
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(local)} {local:%H:%M}"


def short_moment(at: datetime | None, zone: str) -> str:
    """`1 Dec 09:00` in that zone, or a dash."""
    if at is None:
        return "–"
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %H:%M}"


def spaced(reason: str) -> str:
    """`No consent` for NoConsent."""
    return sub(r"(?<=[a-z])([A-Z])", lambda found: f" {found[1].lower()}", reason)


def one_line(text: str, most: int = 200) -> str:
    """Text from anywhere, fit to stand in a line of a page or a terminal."""
    text = " ".join(clean(text).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def headline(plan: Plan) -> str:
    """One sentence: who gets it, when, and how many don't."""
    blocked = [each.reason for each in plan.errors if each.reason in _BLOCKING]
    left = f"; {number(plan.left_out_people)} are left out" if plan.left_out_people > 1 else ""
    if plan.left_out_people == 1:
        left = "; 1 is left out"
    if plan.size == 0:
        return f"As it stands nobody gets this{left}."
    late = f"; {number(plan.pace.expired)} expire before their turn" if plan.pace.expired else ""
    if plan.pace.first is None:
        who = f"As it stands nobody gets this: none of {people(plan.size)} can be reached in time"
        return f"{who}{left}."
    about = "About " if plan.estimate else ""
    who = f"{about}{people(plan.pace.sent)}"
    if blocked:
        return f"As it stands nobody gets this: it would go to {who[0].lower() + who[1:]}{late}{left}."
    gets = "gets" if plan.pace.sent == 1 and not plan.estimate else "get"
    return f"{who} {gets} this {_when(plan)}{late}{left}."


def _when(plan: Plan) -> str:
    zone = ZoneInfo(plan.time_zone)
    assert plan.pace.first is not None
    assert plan.pace.last is not None
    first, last = plan.pace.first.astimezone(zone), plan.pace.last.astimezone(zone)
    own = ""
    if plan.local_time == "Recipient" and len(plan.pace.zones) > 1:
        own = f"at {plan.local_at[11:16]} in their own time zone, "
    if first.date() != last.date():
        return f"{own}from {day(first)} {first:%H:%M} to {day(last)} {last:%H:%M}, {place(plan.time_zone)}"
    if f"{first:%H:%M}" == f"{last:%H:%M}":
        return f"{own}on {day(first)} at {first:%H:%M} {place(plan.time_zone)}"
    return f"{own}on {day(first)} between {first:%H:%M} and {last:%H:%M} {place(plan.time_zone)}"
