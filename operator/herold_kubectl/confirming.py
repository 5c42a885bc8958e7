"""What a Campaign's status says of a brake: pure functions of the object, read as the operator writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from herold_operator.annotations import BY_ANNOTATION, HOLD_ANNOTATION, hold_reason

Object = Mapping[str, Any]
FINAL = ("Completed", "Stopped", "Missed")
COUNTED = ("sent", "failed", "suppressed", "skipped", "uncertain")


def status_of(campaign: Object) -> Object:
    """The status, {} before there is one."""
    return campaign.get("status") or {}


def condition(campaign: Object, name: str) -> Object | None:
    """A condition, None before it is stated."""
    return next((each for each in status_of(campaign).get("conditions", ()) if each["type"] == name), None)


def is_over(campaign: Object) -> bool:
    """Whether its run has come to its end."""
    status = status_of(campaign)
    seen = status.get("observedGeneration") == campaign["metadata"].get("generation")
    return seen and status.get("state") in FINAL


def holds(campaign: Object) -> list[str]:
    """Holds that the status names, each as `hold 12 on Campaign by herold-operator: …: wrong price`."""
    stated = condition(campaign, "Suspended")
    message = str(stated["message"]) if stated is not None and stated["status"] == "True" else ""
    if not message.startswith("hold "):
        return []
    return [f"hold {each}" for each in message.removeprefix("hold ").split("; hold ")]


def is_held(campaign: Object, reason: str) -> bool:
    """Whether the status says that the annotation holds it, for that reason."""
    return any(f"{BY_ANNOTATION}: {hold_reason(reason)}" in each for each in holds(campaign))


def is_annotated(campaign: Object) -> bool:
    """Whether the annotation is there."""
    return HOLD_ANNOTATION in (campaign["metadata"].get("annotations") or {})


def is_held_by_annotation(campaign: Object) -> bool:
    """Whether the status says that the annotation holds it, for whatever reason."""
    return any(BY_ANNOTATION in each for each in holds(campaign))


def other_holds(campaign: Object) -> list[str]:
    """Holds that somebody else put on."""
    return [each for each in holds(campaign) if BY_ANNOTATION not in each]


def is_stopped(campaign: Object, run: int) -> bool:
    """Whether the status says that this run was stopped for good."""
    status = status_of(campaign)
    return status.get("state") in ("Stopping", "Stopped") and (status.get("run") or {}).get("id") == run


def settled(counts: Object) -> int:
    """How many people have a final outcome."""
    return sum(int(counts.get(name, 0)) for name in COUNTED)


def counted(campaign: Object) -> str:
    """`20,113 of 48,211 sent`, '' before there is a run."""
    counts = status_of(campaign).get("counts")
    return f"{counts['sent']:,} of {counts['planned']:,} sent" if counts else ""
