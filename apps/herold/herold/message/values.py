"""Attributes as templates insert them: one line, no control characters, nothing that turns the writing around."""

from __future__ import annotations

import re
from collections.abc import Mapping

# What may not come from an attribute: controls (CR, LF and NUL among them), line and paragraph separators, bidi
# overrides and isolates (they reorder what stands after them), halves of surrogate pairs, the byte order mark.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")

Value = str | int | float | bool
Names = tuple[tuple[str, Value | None], ...]  # attributes, each with its default


def clean(text: str) -> str:
    """`text` with each unsafe character made a space."""
    return text if text.isprintable() else _UNSAFE.sub(" ", text)


def plain_value(value: object) -> Value | None:
    """A JSON value as a template may see it; None for what is missing, and for lists and objects, which no
    ContactSchema declares."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, (bool, int, float)):
        return value
    return None


def typed(default: str, kind: str) -> Value:
    """A declared default as a value of the attribute's type, so that it compares like one; words stay words."""
    if kind == "Boolean" and default in ("true", "false"):
        return default == "true"
    try:
        if kind == "Integer":
            return int(default)
        return float(default) if kind == "Decimal" else default
    except ValueError:
        return default


def chosen(attributes: Mapping[str, object], names: Names) -> dict[str, Value]:
    """The attributes of `names` (name, default), cleaned. One without value and default is left out: strict
    rendering then names it."""
    values: dict[str, Value] = {}
    for name, default in names:
        value = attributes.get(name)
        if type(value) is str:
            values[name] = value if value.isprintable() else _UNSAFE.sub(" ", value)
            continue
        plain = plain_value(value)
        if plain is None:
            plain = default
        if plain is not None:
            values[name] = plain
    return values
