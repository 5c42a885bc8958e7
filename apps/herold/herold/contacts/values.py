"""Values of attributes and properties: from text or JSON to the JSON text that the ledger keeps, by declared type.

Integer and Decimal become JSON numbers (the digits as given: no float in between), Boolean a JSON boolean, Date
`YYYY-MM-DD`, Timestamp UTC to the second, `YYYY-MM-DDTHH:MM:SSZ`. Readers raise ValueError, whose text goes after the
name of the column and never repeats the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from herold.resources.contact_schema import AttributeType

MAX_STRING = 4_096  # characters

_encode = json.JSONEncoder(ensure_ascii=False).encode
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,12})?")
_AMOUNT = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,6})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

Reader = Callable[[str], str]


def read_string(text: str, *, longest: int = MAX_STRING) -> str:
    """Checked text as it is: no control characters but tab and line ends, not too long."""
    if len(text) > longest:
        raise ValueError(f"has more than {longest} characters")
    if not text.isprintable() and _CONTROL.search(text):
        raise ValueError("has a control character")
    return text


def read_instant(text: str) -> datetime:
    """`2026-12-01T09:00:00Z`, or with an offset -> aware, in UTC. Without an offset it is refused: whose clock?"""
    text = text.strip()
    if not _INSTANT.fullmatch(text):
        raise ValueError("is not an instant like 2026-12-01T09:00:00Z, with Z or an offset")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a date and time that exists") from None


def read_amount(value: Any) -> Decimal:
    """An amount of money (text, or a JSON number); negative for what was given back. Raises ValueError."""
    text = str(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _AMOUNT.fullmatch(text.strip()):
        raise ValueError("is not an amount like 12.50")
    return Decimal(text.strip())


def json_string(text: str) -> str:
    """Any checked text as JSON."""
    return _encode(read_string(text))


def _integer(text: str) -> str:
    text = text.strip()
    if not _INTEGER.fullmatch(text):
        raise ValueError("is not a whole number of at most 18 digits")
    return str(int(text))


def _decimal(text: str) -> str:
    text = text.strip()
    if not _DECIMAL.fullmatch(text):
        raise ValueError("is not a number like 12.50")
    return format(Decimal(text), "f")


def _boolean(text: str) -> str:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise ValueError("is neither true nor false")
    return word


def _date(text: str) -> str:
    text = text.strip()
    if not _DATE.fullmatch(text):
        raise ValueError("is not a date like 2026-12-01")
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("is not a date that exists") from None
    return f'"{text}"'


def _timestamp(text: str) -> str:
    return f'"{read_instant(text).replace(microsecond=0, tzinfo=None).isoformat()}Z"'


READERS: dict[AttributeType, Reader] = {
    "String": json_string,
    "Integer": _integer,
    "Decimal": _decimal,
    "Boolean": _boolean,
    "Date": _date,
    "Timestamp": _timestamp,
}


def json_text(type_: AttributeType, value: Any) -> str:
    """The same for a value that came as JSON: its own type, or the text of it. Raises ValueError."""
    if isinstance(value, str):
        return READERS[type_](value)
    if isinstance(value, bool):
        if type_ != "Boolean":
            raise ValueError(f"is a boolean, and {type_} is declared")
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)) and type_ in ("Integer", "Decimal"):
        # 1e9 is a number too, and 1e999999999 not one that anybody wants spelled out.
        if isinstance(value, Decimal) and (not value.is_finite() or abs(value.adjusted()) > 18):
            raise ValueError("is not a number of at most 18 digits")
        return READERS[type_](format(value, "f") if isinstance(value, Decimal) else str(value))
    raise ValueError(f"is not of the declared type {type_}")
