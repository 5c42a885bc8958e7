"""People, orders and events of a file into the local cluster's ledger, by `herold contacts import` in a pod there.

The file goes in by the pod's standard input and is kept nowhere: what Kubernetes stores it would store of everybody.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from local.cluster.herold import SHARED
from local.cluster.kubectl import Kubectl
from local.cluster.layout import PLATFORM_NAMESPACE
from local.cluster.ours import Item, apply_ours
from local.cluster.platform import HEROLD_IMAGE
from local.cluster.progress import wait_until

from herold.errors import Refused

SCHEMA = "contact-schema.yaml"
# Of the pod alone, and gone with it.
MEMORY = "/tmp"  # noqa: S108
# Rows of a file of some hundred thousand people.
PATIENCE = 600.0
START = 120.0
OVER = ("Succeeded", "Failed")


def bring_people(kubectl: Kubectl, rows: str, *, what: str, form: str, source: str) -> str:
    """Import them: what the import says of it. `form` is csv or jsonl. Raises Refused with its words."""
    name = f"import-{uuid.uuid4().hex[:8]}"
    where = (name, "-n", PLATFORM_NAMESPACE)
    words = ["-", "--file-format", form, "--what", what, "--source", source]
    try:
        apply_ours(kubectl, [build_schema(name, (SHARED / SCHEMA).read_text("utf-8")), build_import(name, words)])
        wait_until("the pod of the import", lambda: _phase(kubectl, where) in ("Running", *OVER), seconds=START)
        if _phase(kubectl, where) == "Running":
            kubectl("attach", "--quiet", "--stdin", *where, given=rows, seconds=PATIENCE)
        wait_until("the end of the import", lambda: _phase(kubectl, where) in OVER, seconds=PATIENCE)
        said = kubectl("logs", *where)
        if _phase(kubectl, where) == "Failed":
            raise Refused("NotImported", said.strip() or "the import ended without a word")
        return said
    finally:
        for kind in ("pod", "configmap"):
            kubectl("delete", kind, *where, "--ignore-not-found", "--wait=false")


def build_schema(name: str, schema: str) -> Item:
    """The ContactSchema as a file for the pod. It says what is known about people, and nothing of anybody."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": PLATFORM_NAMESPACE},
        "data": {SCHEMA: schema},
    }


def build_import(name: str, words: list[str]) -> Item:
    """The pod that imports what comes in by its standard input, under PodSecurity `restricted`."""
    secret = {"secretKeyRef": {"name": "herold-database-contacts", "key": "url"}}
    container = {
        "name": "import",
        "image": HEROLD_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "stdin": True,
        "stdinOnce": True,
        "args": ["contacts", "import", *words, "--schema-from", f"/files/{SCHEMA}", "--rejects", f"{MEMORY}/rejects"],
        "env": [
            {"name": "HEROLD_SECRETS_DIR", "value": "/run/secrets/herold"},
            {"name": "HEROLD_STATE_DIR", "value": f"{MEMORY}/herold"},
            {"name": "HEROLD_SINGLE_NODE", "value": "true"},
            {"name": "HEROLD_DATABASE_URL", "valueFrom": secret},
        ],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": MEMORY},
            {"name": "files", "mountPath": "/files", "readOnly": True},
            {"name": "key", "mountPath": "/run/secrets/herold/herold-key", "readOnly": True},
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": PLATFORM_NAMESPACE, "labels": {"herold.dev/uses": "ledger"}},
        "spec": {
            "restartPolicy": "Never",
            "activeDeadlineSeconds": int(START + PATIENCE),
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "fsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [
                {"name": "tmp", "emptyDir": {"medium": "Memory"}},
                {"name": "files", "configMap": {"name": name}},
                {"name": "key", "secret": {"secretName": "herold-key", "defaultMode": 0o440}},
            ],
        },
    }


def _phase(kubectl: Kubectl, where: tuple[str, ...]) -> str:
    found = kubectl.get("pod", *where)
    return str(found["status"].get("phase", "")) if found else ""


def form_of(file: Path) -> str:
    """By its name. Raises Refused."""
    forms = {".csv": "csv", ".jsonl": "jsonl"}
    if file.suffix not in forms:
        raise Refused("UnknownForm", f"{file} is neither .csv nor .jsonl", hint="name it by what it is")
    return forms[file.suffix]
