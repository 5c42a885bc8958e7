"""Unquoted scalars of YAML, read as the Kubernetes API server reads them; what other readers see otherwise is refused.

The server reads YAML 1.1 through sigs.k8s.io/yaml (go-yaml v2, `resolve.go`): `no` is false, `012` is ten, `1_000` is
a thousand, dates are text. YAML 1.2 and PyYAML disagree about some of it (`21:00` is 1260 to PyYAML), and people mean
something else by most of it. So only `true`, `false`, plain integers and text may stand without quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Scalar = str | int | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("null", "Null", "NULL", ""), None),
}
_SWITCHES = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON"), "true"),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF"), "false"),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_BASED = re.compile(r"([-+]?)0([xX][0-9a-fA-F_]+|[bB][01_]+|[oO]?[0-9_]+)")
_FLOAT = re.compile(r"[-+]?(\.[0-9_]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NUMERIC = frozenset("0123456789+-.")
_INT64 = 1 << 63


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """What is refused without quotes, and what to write instead."""

    message: str
    fix: str


def resolve(text: str) -> Scalar | Ambiguous:
    """The value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text in _SWITCHES:
        return Ambiguous(
            f"{text} without quotes is {_SWITCHES[text]} to some readers and text to others",
            f"write '{text}' in quotes if it is text, or {_SWITCHES[text]}",
        )
    if text == "~":
        return Ambiguous("~ is an empty value", "write a value, or leave the field out; in quotes ('~') it is text")
    return _number(text) if text[0] in _NUMERIC else text


def _number(text: str) -> Scalar | Ambiguous:
    if _INTEGER.fullmatch(text):
        # Longer ones would be rounded, or refused by int() itself.
        if len(text) <= 20 and -_INT64 <= int(text) < _INT64:
            return int(text)
        return Ambiguous("is a number with too many digits", "write it in quotes if it is text")
    if _SEXAGESIMAL.fullmatch(text):
        return Ambiguous(f"{text} without quotes is a number in base 60 to some readers", f"write '{text}', in quotes")
    if based := _BASED.fullmatch(text):
        digits = based[2].lstrip("0_")
        plain = f", or {based[1]}{digits} if it is a number" if digits.isdecimal() else ""
        return Ambiguous(
            f"{text} without quotes is a number in another base to some readers", f"write '{text}' in quotes{plain}"
        )
    if _FLOAT.fullmatch(text):
        if "_" in text and text.replace("_", "").lstrip("+-").isdecimal():
            plain = text.replace("_", "")
            return Ambiguous(
                f"{text} without quotes is the number {plain} to some readers and text to others",
                f"write {plain} if it is a number, or '{text}' in quotes",
            )
        return Ambiguous(
            f"{text} without quotes is a number with a fraction, which readers round", f"write '{text}', in quotes"
        )
    return text
