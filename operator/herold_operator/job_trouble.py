"""Why a task is not done: read from its Job and its pods as they are, in words for whoever can do something about it.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from herold_operator.conditions import stamp
from herold_operator.reasons import Reason
from herold_operator.tasks import TaskView

Object = Mapping[str, Any]
_IMAGE = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
_CONFIGURATION = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_TEMPORARY = 5  # exit code of `herold`: something outside did not answer
_MOST = 400
_FAILED = {"Build": Reason.AUDIENCE_BUILD_FAILED, "Preflight": Reason.PREFLIGHT_FAILED}
_LATE = {"Build": Reason.AUDIENCE_BUILD_LATE, "Preflight": Reason.PREFLIGHT_FAILED}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What stands in a task's way, and what to do."""

    reason: Reason
    message: str


def not_made(kind: str, name: str, why: str) -> Trouble:
    """The API server does not take the Job: a quota, a policy, a namespace that is not there."""
    words = f"The Job {name} can't be made: {_legible(why)}. It is tried again by itself."
    return Trouble(_FAILED[kind], words)


def read_trouble(task: TaskView, job: Object, pods: Sequence[Object]) -> Trouble:
    """What is the matter with a Job whose task is not done in time."""
    metadata, status = job["metadata"], job.get("status", {})
    where = f"{metadata['namespace']}/{metadata['name']}"
    again = f"It is made again once this one is gone: kubectl -n {metadata['namespace']} delete job {metadata['name']}"
    pod = max(pods, key=lambda each: str(each["metadata"]["creationTimestamp"]), default=None)
    ended = {each["type"]: each for each in status.get("conditions", ()) if each["status"] == "True"}
    if "Complete" in ended:
        return _failed(task, f"The Job {where} ended, and its task {task.id} is not done. {again}.")
    if "Failed" in ended:
        condition = ended["Failed"]
        why = f"{condition.get('reason', '')}: {condition.get('message', '')}"
        last = f" {_last_words(pod)}" if pod is not None else ""
        return _failed(task, f"The Job {where} failed ({_legible(why)}).{last} Mend that. {again}.")
    if pod is None:
        look = f"kubectl -n {metadata['namespace']} describe job {metadata['name']}"
        return _late(task, f"The Job {where} has no pod: a quota or a policy may forbid it. Look: {look}.")
    return _of_pod(task, pod)


def _of_pod(task: TaskView, pod: Object) -> Trouble:
    metadata, status = pod["metadata"], pod.get("status", {})
    where = f"{metadata['namespace']}/{metadata['name']}"
    look = f"Look: kubectl -n {metadata['namespace']} describe pod {metadata['name']}."
    for each in status.get("conditions", ()):
        if each["type"] == "PodScheduled" and each["status"] == "False":
            return _late(task, f"No node takes the pod {where}: {_legible(each.get('message', ''))}. Make room for it.")
    container: Object = next(iter(status.get("containerStatuses", ())), {})
    waiting = container.get("state", {}).get("waiting")
    if waiting is not None:
        why, said = waiting.get("reason", ""), _legible(waiting.get("message", ""))
        if why in _IMAGE:
            image = container.get("image", "")
            return _failed(
                task, f"The pod {where} has no image {image} ({why}: {said}). Bring it to where nodes get it."
            )
        if why in _CONFIGURATION:
            return _failed(task, f"The pod {where} can't start ({why}: {said}). Mend what it names.")
        return _late(task, f"The pod {where} does not start ({why}). A Secret that it mounts may be missing. {look}")
    if status.get("phase") == "Failed":
        words = f"{_last_words(pod)} It is tried again by itself."
        return (_late if _exit_code(pod) == _TEMPORARY else _failed)(task, f"The pod {where} failed. {words}")
    if task.started_at is None:
        return _late(task, f"The pod {where} has not begun with its task. {look}")
    since = stamp(task.started_at)
    return _late(task, f"The pod {where} is at it since {since}; a great audience takes its time. {look}")


def _last_words(pod: Object) -> str:
    """How its container ended."""
    state = _terminated(pod)
    if state.get("reason") == "OOMKilled":
        return "It ran out of memory: raise HEROLD_OPERATOR_TASK_MEMORY."
    said = _legible(state.get("message", ""))
    return f"It ended with exit code {state.get('exitCode', '?')}{f': {said}' if said else ''}."


def _exit_code(pod: Object) -> int | None:
    code = _terminated(pod).get("exitCode")
    return int(code) if code is not None else None


def _terminated(pod: Object) -> Mapping[str, Any]:
    container: Object = next(iter(pod.get("status", {}).get("containerStatuses", ())), {})
    found: Mapping[str, Any] = container.get("state", {}).get("terminated") or {}
    return found


def _legible(text: str) -> str:
    """Its end, on one line, without a full stop."""
    line = " ".join("".join(c if c.isprintable() or c.isspace() else "\ufffd" for c in text).split())
    return line[-_MOST:].rstrip(".")


def _failed(task: TaskView, message: str) -> Trouble:
    return Trouble(_FAILED[task.kind], message)


def _late(task: TaskView, message: str) -> Trouble:
    return Trouble(_LATE[task.kind], message)
