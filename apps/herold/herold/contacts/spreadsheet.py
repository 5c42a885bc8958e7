"""CSV cells that a spreadsheet would run as a formula (OWASP, CSV injection): written with a leading quote mark, and
read back without it."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def guarded(text: str) -> str:
    """`=cmd()` -> `'=cmd()`. Text that already looks guarded gets one mark more, so that `unguarded` is exact."""
    return "'" + text if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """The reverse of `guarded`."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text, 1) else text
