"""Enumerations, patterns and ranges from AWS's own models of its calls, where a resource is made by one call.

`calls.json` is made from botocore's models by `make models`; what it does not hold is not checked.
"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.providers import wire
from local.providers.server import Mistake
from local.providers.wire import Properties

TABLE = Path(__file__).with_name("calls.json")


@dataclass(frozen=True)
class Limit:
    """What AWS allows of one value: `least` and `most` are of a number, or of the length of a text or list."""

    values: tuple[str, ...] = ()
    pattern: str = ""
    least: float | None = None
    most: float | None = None


@functools.cache
def table() -> dict[str, dict[str, Limit]]:
    """Limits by type token and by path, `a.b[].c`."""
    raw = json.loads(TABLE.read_text())
    return {
        kind: {path: Limit(**{**limit, "values": tuple(limit.get("values", ()))}) for path, limit in limits.items()}
        for kind, limits in raw["resources"].items()
    }


def find_mistakes(kind: str, inputs: Properties) -> list[Mistake]:
    """The values that AWS's models refuse."""
    limits = table().get(kind)
    return _walk(limits, inputs, "", "") if limits else []


def _walk(limits: dict[str, Limit], value: Any, rule: str, path: str) -> list[Mistake]:
    if value == wire.UNKNOWN or wire.is_special(value) or value is None:
        return []
    mistakes = _against(limits[rule], value, path) if rule in limits else []
    if isinstance(value, dict):
        for key, item in value.items():
            dot = "." if rule else ""
            mistakes += _walk(limits, item, f"{rule}{dot}{key}", f"{path}{dot}{key}")
    if isinstance(value, list):
        for number, item in enumerate(value):
            mistakes += _walk(limits, item, f"{rule}[]", f"{path}[{number}]")
    return mistakes


def _against(limit: Limit, value: Any, path: str) -> list[Mistake]:
    mistakes = []
    if limit.values and value not in limit.values:
        mistakes.append(Mistake(path, f"must be one of {', '.join(limit.values)}"))
    if limit.pattern and isinstance(value, str) and not _matches(limit.pattern, value):
        mistakes.append(Mistake(path, f"must match {limit.pattern}"))
    size = value if isinstance(value, (int, float)) else len(value)
    unit = "" if isinstance(value, (int, float)) else " characters" if isinstance(value, str) else " items"
    if limit.least is not None and size < limit.least:
        mistakes.append(Mistake(path, f"must be at least {limit.least:g}{unit}, is {size:g}"))
    if limit.most is not None and size > limit.most:
        mistakes.append(Mistake(path, f"must be at most {limit.most:g}{unit}, is {size:g}"))
    return mistakes


def _matches(pattern: str, value: str) -> bool:
    # Older models leave out the anchors, and mean the whole text all the same.
    anchored = pattern.startswith("^") or pattern.endswith("$")
    return bool(re.search(pattern, value) if anchored else re.fullmatch(pattern, value))
