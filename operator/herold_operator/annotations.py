"""Annotations by which people brake a Campaign, and who the ledger names then.

Git declares none of them, so no sync undoes them. Imports nothing: `kubectl campaign` must be quick.
"""

from __future__ import annotations

ACTOR = "herold-operator"
HOLD_ANNOTATION = "herold.dev/hold"
BY_ANNOTATION = f"{ACTOR}: annotation {HOLD_ANNOTATION}"
_MOST = 500


def hold_reason(annotation: str) -> str:
    """The reason of the ledger's hold, from what the annotation says."""
    return annotation.strip()[:_MOST] or "held"
