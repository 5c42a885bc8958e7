"""The plan for programs: one JSON object, its keys in camelCase as in resources."""

from __future__ import annotations

import dataclasses
import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from pydantic.alias_generators import to_camel

from herold.planning.plan import Plan
from herold.planning.words import headline


def as_json(plan: Plan) -> str:
    """Instants as RFC 3339 in UTC, spans in seconds, money as strings. Ends with a line break."""
    content = {"headline": headline(plan), **_plain(plan)}
    # `<` is written as an escape, so that the text stays inert wherever a page includes it.
    text = json.dumps(content, ensure_ascii=False, indent=2)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029") + "\n"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # The last letter of `from_` is Python's business only.
        return {
            to_camel(each.name.rstrip("_")): _plain(getattr(value, each.name)) for each in dataclasses.fields(value)
        }
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return round(value.total_seconds())
    if isinstance(value, Decimal):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value) if isinstance(value, str) else value
