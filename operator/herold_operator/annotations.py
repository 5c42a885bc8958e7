"""Annotations by which people brake a Campaign, and who the ledger names then.

Git declares none of them, so no sync undoes them. Imports nothing: `kubectl campaign` must be quick.
"""

from __future__ import annotations

ACTOR = "herold-operator"
HOLD_ANNOTATION = "herold.dev/hold"
BY_ANNOTATION = f"{ACTOR}: annotation {HOLD_ANNOTATION}"
STOP_ANNOTATION = "herold.dev/stop"
BY_STOP = f"{ACTOR}: annotation {STOP_ANNOTATION}"
_MOST = 500
_DIGITS = 10


def hold_reason(annotation: str) -> str:
    """The reason of the ledger's hold, from what the annotation says."""
    return annotation.strip()[:_MOST] or "held"


def stop_order(annotation: str) -> tuple[int, str] | None:
    """Number of the run that is to be stopped for good, and why; None for what is no such order."""
    number, _, reason = annotation.strip().partition(" ")
    if not (number.isascii() and number.isdecimal() and len(number) <= _DIGITS):
        return None
    return int(number), reason.strip()[:_MOST]


def stop_words(run: int, reason: str) -> str:
    """What the annotation says to stop that run. It names the run, so that it never stops a later one."""
    return f"{run} {reason.strip()}".strip()
