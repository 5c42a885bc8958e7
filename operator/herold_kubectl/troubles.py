"""What stands in a campaign's way, and what a person does about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from herold_operator.reasons import MEANINGS, Reason

_WANTED = {"Valid": "True", "Suspended": "False", "Degraded": "False"}


@dataclass(frozen=True, slots=True)
class Trouble:
    """`since` is when the condition became so, None for what no condition says."""

    condition: str
    reason: str
    since: str | None
    message: str
    do: str


def find_troubles(campaign: Mapping[str, Any]) -> tuple[Trouble, ...]:
    """Conditions that are not as they should be; and whether the operator has seen the newest edit at all."""
    metadata, status = campaign["metadata"], campaign.get("status") or {}
    namespace, name = metadata["namespace"], metadata["name"]
    stated = list(status.get("conditions", ()))
    found = [] if stated else [_unseen("The operator has not looked at it yet.")]
    if stated and any(each.get("observedGeneration", 0) < metadata.get("generation", 0) for each in stated):
        found.append(_unseen("The operator has not looked at the newest edit yet; what follows is of the one before."))
    for each in stated:
        if _is_trouble(each):
            do = _do(each["reason"]).replace("NAME", f"{name} -n {namespace}")
            found.append(Trouble(each["type"], each["reason"], each["lastTransitionTime"], each["message"], do))
    return tuple(found)


def _is_trouble(condition: Mapping[str, Any]) -> bool:
    if condition["reason"] == Reason.APPROVAL_MISSING:
        return True  # any other campaign without a run waits for its time, or says why elsewhere
    wanted = _WANTED.get(condition["type"])
    return wanted is not None and condition["status"] != wanted and condition["reason"] != Reason.NOT_ACCEPTED


def _unseen(message: str) -> Trouble:
    do = "If it stays so: kubectl get lease,pods -n herold-platform"
    return Trouble("Operator", "NotSeenYet", None, message, do)


def _do(reason: str) -> str:
    """'' for a reason that a newer operator knows."""
    return MEANINGS[Reason(reason)].do if reason in set(Reason) else ""
