"""The Jobs that do the ledger's tasks: one for each turn of a task, in the platform's namespace.

What a Job does is in the ledger, so its manifest says nothing of people and little of the campaign.
https://kubernetes.io/docs/concepts/workloads/controllers/job/
"""

from __future__ import annotations

import hashlib
from typing import Any

from herold.resources.sender import SenderProfile
from herold_operator.pods import KEY_SECRET, Platform, build_pod, sender_secrets
from herold_operator.settings import OperatorSettings
from herold_operator.tasks import TaskView

CAMPAIGN = "herold.dev/campaign"
TASK = "herold.dev/task"
BUILDER, PREFLIGHT = "herold-builder", "herold-preflight"
# 10 s, 20 s, 40 s …: an outage of the ledger of five minutes costs nothing but time.
BACKOFF_LIMIT = 6
# `herold`: usage, invalid, refused. Trying again is pointless until a person acts.
_FOR_GOOD = (2, 3, 4)


def job_name(task: TaskView) -> str:
    """A name of at most 63 characters that no other task and no other turn of it has."""
    words = "/".join(map(str, (*task.key, task.digest, task.id, task.turn)))
    digest = hashlib.sha256(words.encode()).hexdigest()[:10]
    name = task.name.replace("~", "-").replace(".", "-")[:40].rstrip("-")
    return f"{task.kind.lower()}-{name}-{digest}"


def build_audience_job(task: TaskView, platform: Platform, settings: OperatorSettings) -> dict[str, Any]:
    """The Job that freezes the audience of a run."""
    pod = _build_pod(["task", "run", str(task.id)], [KEY_SECRET], platform, settings)
    return _build(task, BUILDER, pod, platform, settings)


def build_preflight_job(
    task: TaskView, sender: SenderProfile, platform: Platform, settings: OperatorSettings
) -> dict[str, Any]:
    """The Job that looks what would go wrong, with the secrets that a worker of the sender would have.

    One that is missing is something to be found, and nothing that the pod waits for. It does this turn only: for
    another the sender may have other secrets.
    """
    arguments = ["task", "run", str(task.id), "--turn", str(task.turn)]
    pod = _build_pod(arguments, sender_secrets(sender), platform, settings, optional=True)
    return _build(task, PREFLIGHT, pod, platform, settings)


def _build_pod(
    arguments: list[str], secrets: list[str], platform: Platform, settings: OperatorSettings, *, optional: bool = False
) -> dict[str, Any]:
    pod = build_pod(
        "task",
        arguments,
        platform,
        database_secret=platform.builder_secret,
        secrets=secrets,
        resources={"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": settings.task_memory}},
        optional=optional,
    )
    pod["restartPolicy"] = "Never"
    # Its last words are what a condition can tell of a pod that failed.
    pod["containers"][0]["terminationMessagePolicy"] = "FallbackToLogsOnError"
    return pod


def _build(
    task: TaskView, component: str, pod: dict[str, Any], platform: Platform, settings: OperatorSettings
) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": component, "app.kubernetes.io/managed-by": "herold-operator"}
    notes = {CAMPAIGN: f"{task.namespace}/{task.name}", TASK: str(task.id)}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(task),
            "namespace": platform.namespace,
            "labels": labels,
            "annotations": notes,
        },
        "spec": {
            "backoffLimit": BACKOFF_LIMIT,
            "activeDeadlineSeconds": settings.task_deadline,
            "ttlSecondsAfterFinished": settings.task_kept,
            "podFailurePolicy": {
                "rules": [
                    # A node that is drained is nobody's failure.
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": list(_FOR_GOOD)}},
                ]
            },
            "template": {"metadata": {"labels": labels, "annotations": notes}, "spec": pod},
        },
    }
