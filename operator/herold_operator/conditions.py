"""Conditions as values: what is stated now, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from herold_operator.reasons import MEANINGS, Reason

MOST = 4096


@dataclass(frozen=True, slots=True)
class Condition:
    """One statement; its type and status follow from its reason."""

    reason: Reason
    message: str


def build_conditions(
    conditions: Iterable[Condition], before: Iterable[Mapping[str, Any]], *, generation: int, now: datetime
) -> list[dict[str, Any]]:
    """As the status has them. `lastTransitionTime` stays where the status of a condition did not change."""
    known = {each["type"]: each for each in before}
    built = []
    for condition in conditions:
        meaning = MEANINGS[condition.reason]
        old = known.get(meaning.type)
        since = old["lastTransitionTime"] if old is not None and old["status"] == meaning.status else stamp(now)
        built.append(
            {
                "type": str(meaning.type),
                "status": meaning.status,
                "reason": str(condition.reason),
                "message": condition.message[:MOST],
                "lastTransitionTime": since,
                "observedGeneration": generation,
            }
        )
    return built


def stamp(at: datetime) -> str:
    """A time as Kubernetes writes it, in whole seconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
