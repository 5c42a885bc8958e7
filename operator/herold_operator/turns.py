"""When a campaign is visited: which objects overtake others, and when one falls due by itself. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from herold.resources.approving import Approved
from herold_operator.annotations import HOLD_ANNOTATION, STOP_ANNOTATION
from herold_operator.campaigns import Seen
from herold_operator.settings import OperatorSettings
from herold_operator.tasks import TaskView, ask_again_at, look_at, look_seconds

# However far away it is: clocks may be set, and a timer costs little.
AT_MOST_SECONDS = 3600.0


def is_urgent(item: Mapping[str, Any]) -> bool:
    """Whether it is a campaign whose status does not speak of its last edit, or of a brake."""
    if item["kind"] != "Campaign":
        return False
    status = item.get("status") or {}
    if status and status.get("observedGeneration") != item["metadata"].get("generation"):
        return True
    said = next((each["status"] for each in status.get("conditions", ()) if each["type"] == "Suspended"), "")
    return said != "True" and _is_braked(item)


def _is_braked(item: Mapping[str, Any]) -> bool:
    annotations = item["metadata"].get("annotations") or {}
    return (
        HOLD_ANNOTATION in annotations
        or STOP_ANNOTATION in annotations
        or (item.get("spec") or {}).get("suspend") is True
    )


def next_visits(seen: Seen, settings: OperatorSettings) -> list[float]:
    """In how many seconds something falls due that nothing else tells of."""
    waits = ((at - seen.ledger.now).total_seconds() for at in _dates(seen, settings))
    return [min(wait, AT_MOST_SECONDS) for wait in waits]


def _dates(seen: Seen, settings: OperatorSettings) -> Iterator[datetime]:
    ahead = seen.outlook.next_at
    if seen.outlook.task is not None and seen.outlook.task.is_pending:
        ahead = _look_again(seen.outlook.task, seen, settings, trouble=seen.preflight_trouble is not None)
    for at in (_start(seen, settings), ahead, _approval(seen)):
        if at is not None:
            yield at


def _approval(seen: Seen) -> datetime | None:
    """When an approval expires, or nobody's comes in time any more."""
    if isinstance(seen.approval, Approved):
        return seen.approval.until
    missed = seen.misses_at
    return missed if missed is not None and missed >= seen.ledger.now else None


def _start(seen: Seen, settings: OperatorSettings) -> datetime | None:
    """Of a campaign that has no run yet."""
    if seen.run is not None:
        return None
    if seen.task is not None and seen.task.is_pending:
        return _look_again(seen.task, seen, settings, trouble=seen.trouble is not None)
    if seen.task is not None and seen.refusal is not None:
        return ask_again_at(seen.task, seen.refusal)
    if seen.starts_at is not None and not seen.starts_now and seen.starts_at > seen.ledger.now:
        return seen.starts_at
    return None


def _look_again(task: TaskView, seen: Seen, settings: OperatorSettings, *, trouble: bool) -> datetime:
    """When it is looked whether somebody works on a task."""
    soon = seen.ledger.now + timedelta(seconds=look_seconds(settings))
    return soon if trouble else max(look_at(task, settings), soon)
