"""Workers as Deployments: one for each SenderProfile, in the platform's namespace, from and to zero.

Team namespaces hold resources only; credentials and workers live where the platform keeps its secrets.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from math import ceil
from typing import Any

from herold.resources.scalars import parse_rate
from herold.resources.sender import SenderProfile
from herold.settings import Settings
from herold_operator.ledger import Backlog
from herold_operator.settings import OperatorSettings

SECRETS = "/var/run/herold/secrets"
STATE = "/var/lib/herold"
APPLIED, ASKED = "herold.dev/applied", "herold.dev/replicas"
SENDER_LABEL, NAMESPACE_LABEL = "herold.dev/sender", "herold.dev/sender-namespace"
COMPONENT = {"app.kubernetes.io/name": "herold-worker", "app.kubernetes.io/managed-by": "herold-operator"}
SELECTOR = ",".join(f"{name}={value}" for name, value in COMPONENT.items())
KEY_SECRET = "herold-key"  # noqa: S105 - the name of the secret
# Longer than a window: what is in hand is finished, recorded and released.
TERMINATION_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Platform:
    """What all workers have in common. `database_secret` may have `{brand}` in it."""

    namespace: str
    image: str
    database_secret: str
    installation: str
    environment: str
    single_node: bool
    shared_namespace: str

    @classmethod
    def of(cls, own: OperatorSettings, settings: Settings) -> Platform:
        """From settings."""
        return cls(
            own.senders_namespace,
            own.worker_image,
            own.database_secret,
            settings.installation,
            settings.environment,
            settings.single_node,
            settings.shared_namespace,
        )


def deployment_name(namespace: str, name: str) -> str:
    """A name of at most 63 characters that no other sender has."""
    digest = hashlib.sha256(f"{namespace}/{name}".encode()).hexdigest()[:8]
    return f"worker-{name[:46].rstrip('.-')}-{digest}".replace(".", "-")


def wanted_replicas(backlog: Backlog, sender: SenderProfile, settings: OperatorSettings) -> int:
    """Workers that the backlog keeps busy: no more than the profile's rates allow, one when there are chores only."""
    if backlog.due <= 0:
        return 1 if backlog.chores else 0
    limits = sender.spec.limits
    allowed = float(parse_rate(limits.per_second)) + sum(float(parse_rate(lane.per_second)) for lane in limits.lanes)
    each = settings.worker_messages_per_second
    useful = min(ceil(allowed / each), ceil(backlog.due / (each * 10)))
    return max(1, min(useful, settings.workers_at_most))


def build_worker_deployment(sender: SenderProfile, replicas: int, platform: Platform) -> dict[str, Any]:
    """The Deployment of a sender's workers, ready for server-side apply. It carries a digest of itself."""
    namespace, name = sender.metadata.namespace, sender.metadata.name
    labels = {**COMPONENT, SENDER_LABEL: name, NAMESPACE_LABEL: namespace}
    manifest: dict[str, Any] = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": deployment_name(namespace, name),
            "namespace": platform.namespace,
            "labels": labels,
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels}, "spec": _pod(sender, platform)},
        },
    }
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:16]
    manifest["metadata"]["annotations"] = {APPLIED: digest, ASKED: str(replicas)}
    return manifest


def _pod(sender: SenderProfile, platform: Platform) -> dict[str, Any]:
    secrets = _secrets(sender)
    # A login for each brand: what a worker is given opens no other brand's mail.
    database_secret = platform.database_secret.replace("{brand}", sender.spec.brand)
    environment = {
        "HEROLD_SECRETS_DIR": SECRETS,
        "HEROLD_STATE_DIR": STATE,
        "HEROLD_INSTALLATION": platform.installation,
        "HEROLD_ENVIRONMENT": platform.environment,
        "HEROLD_SINGLE_NODE": str(platform.single_node).lower(),
        "HEROLD_SHARED_NAMESPACE": platform.shared_namespace,
    }
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": TERMINATION_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "worker",
                "image": platform.image,
                "imagePullPolicy": "IfNotPresent",
                "args": ["worker", "--sender", f"{sender.metadata.namespace}/{sender.metadata.name}"],
                "env": [
                    *({"name": name, "value": value} for name, value in environment.items()),
                    {
                        "name": "HEROLD_DATABASE_URL",
                        "valueFrom": {"secretKeyRef": {"name": database_secret, "key": "url"}},
                    },
                ],
                "resources": {"requests": {"cpu": "50m", "memory": "96Mi"}, "limits": {"memory": "256Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "readOnlyRootFilesystem": True,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [
                    {"name": "state", "mountPath": STATE},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
                    *(
                        {"name": f"secret-{index}", "mountPath": f"{SECRETS}/{secret}", "readOnly": True}
                        for index, secret in enumerate(secrets)
                    ),
                ],
            }
        ],
        "volumes": [
            {"name": "state", "emptyDir": {}},
            {"name": "tmp", "emptyDir": {}},
            *(
                {"name": f"secret-{index}", "secret": {"secretName": secret, "defaultMode": 0o440}}
                for index, secret in enumerate(secrets)
            ),
        ],
    }


def _secrets(sender: SenderProfile) -> list[str]:
    """Names of the secrets that this sender's workers read, the installation's key among them."""
    route = sender.spec.route
    named = [route.ca_ref, route.credentials_ref, *(key.key_ref for key in sender.spec.dkim)]
    return sorted({KEY_SECRET, *(reference.name for reference in named if reference is not None)})
