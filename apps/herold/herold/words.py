"""How people are told things: numbers, instants, spans of time, and texts that came from elsewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def legible(text: str) -> str:
    """One line without control characters: what others wrote can't move the cursor or change colours."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 worker`, `23,570 people`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def instant(at: datetime | None) -> str:
    """`2026-12-01 08:00:00 UTC`; `-` for none."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if at is not None else "-"


def span(length: timedelta | float) -> str:
    """`1 d 2 h`, `3 min 20 s`, `12 s`: the two greatest units. Seconds if a number."""
    seconds = round(length.total_seconds() if isinstance(length, timedelta) else length)
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for unit, size in units:
        whole, seconds = divmod(max(0, seconds), size)
        if whole:
            parts.append(f"{whole:,} {unit}")
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"
