"""Values of attributes and event properties, as text, read by their declared type.

The one place that says how a declared value is spelled: segments compare with it, imports read with it.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from herold.resources.contact_schema import AttributeType
from herold.resources.scalars import parse_date
from herold.resources.segment import Operator

TypedValue = str | int | Decimal | bool | date | datetime

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{1,9})?")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[-+][0-9]{2}:[0-9]{2})"
)

_ORDERED: tuple[Operator, ...] = ("In", "Exists", "LessThan", "AtMost", "AtLeast", "GreaterThan")
OPERATORS: dict[AttributeType, tuple[Operator, ...]] = {
    "String": ("In", "Exists", "StartsWith"),
    "Integer": _ORDERED,
    "Decimal": _ORDERED,
    "Boolean": ("In", "Exists"),
    "Date": _ORDERED,
    "Timestamp": _ORDERED,
}
SPELLING: dict[AttributeType, str] = {
    "String": "text",
    "Integer": "a whole number like '12'",
    "Decimal": "a number like '12.50'",
    "Boolean": "'true' or 'false'",
    "Date": "a date like '2026-12-01'",
    "Timestamp": "a moment like '2026-12-01T09:00:00Z'",
}


def parse_value(kind: AttributeType, text: str) -> TypedValue:
    """`text` as the declared type. Raises ValueError, which says how such a value is written."""
    try:
        value = _parse(kind, text)
    except ValueError:
        value = None
    if value is None:
        raise ValueError(f"{text[:60]!r} is not of type {kind}; write {SPELLING[kind]}")
    return value


def _parse(kind: AttributeType, text: str) -> TypedValue | None:
    match kind:
        case "String":
            return text
        case "Integer":
            return int(text) if _INTEGER.fullmatch(text) else None
        case "Decimal":
            return Decimal(text) if _DECIMAL.fullmatch(text) else None
        case "Boolean":
            return {"true": True, "false": False}.get(text)
        case "Date":
            return parse_date(text)
        case "Timestamp":
            return datetime.fromisoformat(text) if _TIMESTAMP.fullmatch(text) else None
