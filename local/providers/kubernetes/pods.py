"""Why pods are not ready, in one line each: what the kubelet, or the scheduler, says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Object = Mapping[str, Any]
MOST = 5


def explain(pods: Iterable[Object]) -> str:
    """For people; empty where no pod says anything."""
    found = [f"{pod['metadata']['name']}: {why}" for pod in pods for why in _why(pod.get("status") or {})]
    more = f"; and {len(found) - MOST} more" if len(found) > MOST else ""
    return "; ".join(found[:MOST]) + more


def _why(status: Object) -> Iterator[str]:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield str(condition.get("message") or condition.get("reason"))
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        # A pod that is being made says so for a moment, and means nothing by it.
        if waiting and waiting.get("reason") not in ("ContainerCreating", "PodInitializing"):
            yield f"{container['name']} {waiting.get('reason')} {waiting.get('message', '')}".rstrip()
        elif ended and ended.get("exitCode"):
            yield f"{container['name']} ended with {ended['exitCode']}"
        elif state.get("running") and not container.get("ready"):
            yield f"{container['name']} runs and is not ready"
