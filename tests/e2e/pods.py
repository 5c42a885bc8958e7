"""Pods of the image `herold` that a test runs to their end, under PodSecurity `restricted`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from local.cluster.layout import PLATFORM_NAMESPACE
from local.cluster.platform import HEROLD_IMAGE
from local.cluster.progress import wait_until

from e2e.cluster import Cluster
from e2e.people import Item

USES_LEDGER = {"herold.dev/uses": "ledger"}
WORKER = {"app.kubernetes.io/name": "herold-worker"}


def build_pod(
    command: list[str], namespace: str, labels: dict[str, str], environ: list[Item] | None = None, **changes: object
) -> Item:
    """A pod of the image `herold` as PodSecurity `restricted` wants it; `changes` are of its container's context."""
    context = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "try",
        "image": HEROLD_IMAGE,
        "imagePullPolicy": "Never",
        "command": command,
        "env": environ or [],
        "securityContext": context | changes,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"try-{uuid4().hex[:8]}", "namespace": namespace, "labels": labels},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {"runAsNonRoot": True, "fsGroup": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }


def run_pod(
    cluster: Cluster,
    command: list[str],
    *,
    namespace: str = PLATFORM_NAMESPACE,
    labels: dict[str, str] = USES_LEDGER,
    environ: list[Item] | None = None,
    secrets: Sequence[str] = (),
) -> tuple[str, str]:
    """Run a pod to its end: its phase and its words. `secrets` lie below /run/secrets/herold."""
    pod = build_pod(command, namespace, labels, environ)
    for name in secrets:
        mount = {"name": name, "mountPath": f"/run/secrets/herold/{name}", "readOnly": True}
        pod["spec"]["containers"][0]["volumeMounts"].append(mount)
        pod["spec"]["volumes"].append({"name": name, "secret": {"secretName": name, "defaultMode": 0o440}})
    name, kubectl = pod["metadata"]["name"], cluster.kubectl
    cluster.apply([pod])

    def phase() -> str:
        found = kubectl.get("pod", name, "-n", namespace)
        return str(found["status"].get("phase")) if found else ""

    wait_until(f"pod {name} ends", lambda: phase() in {"Succeeded", "Failed"}, seconds=120)
    result = phase(), kubectl("logs", name, "-n", namespace)
    kubectl("delete", "pod", name, "-n", namespace, "--wait=false")
    return result


def run_herold(cluster: Cluster, script: str) -> str:
    """A shell script in which `herold` works on the ledger, as its owner: its words. Raises AssertionError."""
    secret = {"secretKeyRef": {"name": "herold-database", "key": "url"}}
    environ: list[Item] = [
        {"name": "HEROLD_DATABASE_URL", "valueFrom": secret},
        {"name": "HEROLD_SINGLE_NODE", "value": "true"},
        {"name": "HEROLD_STATE_DIR", "value": "/tmp/herold"},
        {"name": "HEROLD_SECRETS_DIR", "value": "/run/secrets/herold"},
    ]
    command = ["/bin/sh", "-ec", f'herold() {{ python3.11 -m herold.cli "$@"; }}; {script}']
    phase, said = run_pod(cluster, command, environ=environ, secrets=["herold-key"])
    assert phase == "Succeeded", said
    return said
