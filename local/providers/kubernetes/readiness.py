"""Is it as it should be? Judged from the object alone, as the real provider and `kubectl rollout status` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Ready:
    """It is as it should be."""


@dataclass(frozen=True)
class Waiting:
    """It is not yet."""

    why: str


@dataclass(frozen=True)
class Never:
    """It won't be, whatever is waited for."""

    why: str


Judged = Ready | Waiting | Never


def judge(live: Object) -> Judged:
    """Whether a resource is ready. Kinds that have nothing to wait for are."""
    rule = RULES.get((str(live["apiVersion"]).partition("/")[0], live["kind"]))
    return rule(live) if rule else Ready()


def _spec(live: Object) -> Mapping[str, Any]:
    spec: Mapping[str, Any] = live.get("spec") or {}
    return spec


def _status(live: Object) -> Mapping[str, Any]:
    status: Mapping[str, Any] = live.get("status") or {}
    return status


def _condition(live: Object, kind: str) -> Mapping[str, Any]:
    return next((each for each in _status(live).get("conditions") or () if each["type"] == kind), {})


def _seen(live: Object) -> bool:
    return bool(_status(live).get("observedGeneration", 0) >= live["metadata"].get("generation", 0))


def _deployment(live: Object) -> Judged:
    if not _seen(live):
        return Waiting("its controller has not seen it yet")
    progressing = _condition(live, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return Never(str(progressing.get("message")))
    status, wanted = _status(live), _spec(live).get("replicas", 1)
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if updated < wanted or available < wanted or status.get("replicas", 0) > updated:
        return Waiting(f"{available} of {wanted} pods available, {updated} of this version")
    return Ready()


def _stateful_set(live: Object) -> Judged:
    if not _seen(live):
        return Waiting("its controller has not seen it yet")
    status, spec = _status(live), _spec(live)
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    if ready < wanted or status.get("replicas", 0) > wanted:
        return Waiting(f"{ready} of {wanted} pods ready")
    strategy = spec.get("updateStrategy") or {}
    # Somebody else deletes the pods then, and a part may stay behind on purpose.
    if strategy.get("type") == "OnDelete" or (strategy.get("rollingUpdate") or {}).get("partition"):
        return Ready()
    updated = status.get("updatedReplicas", 0)
    if status.get("updateRevision") != status.get("currentRevision") and updated < wanted:
        return Waiting(f"{updated} of {wanted} pods of this version")
    return Ready()


def _daemon_set(live: Object) -> Judged:
    status = _status(live)
    if not _seen(live):
        return Waiting("its controller has not seen it yet")
    wanted = status.get("desiredNumberScheduled", 0)
    there = min(status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0))
    return Ready() if there >= wanted else Waiting(f"{there} of {wanted} pods available")


def _job(live: Object) -> Judged:
    failed = _condition(live, "Failed")
    if failed.get("status") == "True":
        return Never(str(failed.get("message")))
    return Ready() if _condition(live, "Complete").get("status") == "True" else Waiting("it is not complete")


def _pod(live: Object) -> Judged:
    phase = _status(live).get("phase")
    if phase == "Failed":
        return Never(str(_status(live).get("message") or "it has failed"))
    ready = phase == "Succeeded" or _condition(live, "Ready").get("status") == "True"
    return Ready() if ready else Waiting(f"its phase is {phase}")


def _claim(live: Object) -> Judged:
    phase = _status(live).get("phase")
    if phase == "Lost":
        return Never("its volume is lost")
    return Ready() if phase == "Bound" else Waiting(f"its phase is {phase}: no volume for it yet")


def _kind(live: Object) -> Judged:
    if _condition(live, "NamesAccepted").get("status") == "False":
        return Never(str(_condition(live, "NamesAccepted").get("message")))
    return Ready() if _condition(live, "Established").get("status") == "True" else Waiting("it is not served yet")


def _service(live: Object) -> Judged:
    """Only an address from outside: pods behind it are waited for where they are declared."""
    if _spec(live).get("type") != "LoadBalancer":
        return Ready()
    has = (_status(live).get("loadBalancer") or {}).get("ingress")
    return Ready() if has else Waiting("it has no address from outside yet")


RULES: dict[tuple[str, str], Callable[[Object], Judged]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("v1", "Pod"): _pod,
    ("v1", "PersistentVolumeClaim"): _claim,
    ("v1", "Service"): _service,
    ("apiextensions.k8s.io", "CustomResourceDefinition"): _kind,
}
