"""Paths inside a resource: ("spec", "contents", 0, "locale") is written spec.contents[0].locale."""

from __future__ import annotations

import re

Path = tuple[str | int, ...]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def dotted(path: Path) -> str:
    """As a person reads it. A key that is not a plain word stands in brackets and quotes, shortened."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif len(part) <= 64 and _PLAIN.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{quoted(part)}]"
    return text


def quoted(value: object) -> str:
    """A value as a mistake cites it: on one line, in quotes when it is text, never longer than 60 characters."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:56]}…" + (text[0] if isinstance(value, str) else "")
