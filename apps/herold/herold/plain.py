"""Values as JSON says them, the same in every document that Herold writes."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any


def plain(value: object) -> Any:
    """Fields of dataclasses in camelCase, instants as RFC 3339 in UTC, spans of time in seconds.

    Keys of dictionaries stay as they are.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {_camel(field.name): plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.total_seconds() if isinstance(value, timedelta) else value


def _camel(name: str) -> str:
    # The last letter of `from_` is Python's business only.
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)
