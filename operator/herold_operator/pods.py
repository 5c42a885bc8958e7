"""What every pod that the operator makes has in common: Herold's image, its own secrets, and no rights.

PodSecurity `restricted`, no token, a read-only root. https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from herold.resources.sender import SenderProfile
from herold.settings import Settings
from herold_operator.settings import OperatorSettings

SECRETS = "/var/run/herold/secrets"
STATE = "/var/lib/herold"
KEY_SECRET = "herold-key"  # noqa: S105 - the name of the secret


@dataclass(frozen=True, slots=True)
class Platform:
    """Where workers and Jobs live, and what they are told. `database_secret` may have `{brand}` in it."""

    namespace: str
    image: str
    database_secret: str
    builder_secret: str
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
            own.builder_database_secret,
            settings.installation,
            settings.environment,
            settings.single_node,
            settings.shared_namespace,
        )


def build_pod(
    name: str,
    arguments: list[str],
    platform: Platform,
    *,
    database_secret: str,
    secrets: Sequence[str],
    resources: dict[str, Any],
    optional: bool = False,
) -> dict[str, Any]:
    """A pod's spec with one container that runs `herold ARGUMENTS`. `optional`: it starts without its secrets too."""
    may_lack: dict[str, Any] = {"optional": True} if optional else {}
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
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": name,
                "image": platform.image,
                "imagePullPolicy": "IfNotPresent",
                "args": arguments,
                "env": [
                    *({"name": name, "value": value} for name, value in environment.items()),
                    {
                        "name": "HEROLD_DATABASE_URL",
                        "valueFrom": {"secretKeyRef": {"name": database_secret, "key": "url"}},
                    },
                ],
                "resources": resources,
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
                {"name": f"secret-{index}", "secret": {"secretName": secret, "defaultMode": 0o440, **may_lack}}
                for index, secret in enumerate(secrets)
            ),
        ],
    }


def sender_secrets(sender: SenderProfile) -> list[str]:
    """Names of the secrets that a sender's mail needs, the installation's key among them."""
    route = sender.spec.route
    named = [route.ca_ref, route.credentials_ref, *(key.key_ref for key in sender.spec.dkim)]
    return sorted({KEY_SECRET, *(reference.name for reference in named if reference is not None)})
