"""PostgreSQL by Patroni: one member, or three of which one is always a synchronous standby. Kubernetes keeps who leads.

https://patroni.readthedocs.io/en/latest/kubernetes.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi

from herold_infra.kubernetes.component import Component, Manifest
from herold_infra.kubernetes.declaring import declare
from herold_infra.kubernetes.pods import (
    API_SERVER,
    CLOSED,
    ServiceArgs,
    build_account,
    build_budget,
    build_headless,
    build_metadata,
    build_pod,
    build_policy,
    build_service,
    build_set,
    build_settings,
    field_of,
    memory,
    secret,
)
from herold_infra.kubernetes.postgres_settings import BACKUPS, CONFIG, DATA, PORT, REST, SCOPE_LABEL, build_files

SERVICE = "postgres"
# What Patroni keeps in Kubernetes beside the leader: settings, who is synchronous, a switchover that was asked for. An
# endpoint without a Service is cleaned away by Kubernetes, and with the second of them what may take over.
KEPT = ("postgres-config", "postgres-sync", "postgres-failover")
# By file, the key of the Secret.
PASSWORDS = {"superuser": "password", "replication": "replication", "rest": "rest"}
BACKUPS_CLAIM = "postgres-backups"


@dataclass(frozen=True)
class PostgresArgs(ServiceArgs):
    """`secret` has what PASSWORDS says.

    `restore_until`: a moment with its zone, as PostgreSQL reads it. A cluster without data is made from the backups
    up to it, instead of empty. One with data is left as it is.
    """

    service: ClassVar[str] = SERVICE
    three: ClassVar[str] = "two are left when one is lost"
    size: str = "10Gi"
    backups_size: str = "20Gi"
    restore_until: str | None = None


class Postgres(Component):
    """Outputs: `host` and `port` of the leader; `replicas`, who may only be read from."""

    def __init__(
        self, args: PostgresArgs, *, after: list[pulumi.Resource], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("Postgres", args.place, SERVICE, opts)
        declare(self, build_postgres(args), after=after)
        self.host, self.port = f"postgres.{args.place.namespace}.svc.cluster.local", PORT
        self.replicas = f"postgres-replicas.{args.place.namespace}.svc.cluster.local"
        self.register_outputs({"host": self.host, "port": self.port, "replicas": self.replicas})


def build_postgres(args: PostgresArgs) -> list[Manifest]:
    """All of it, in an order in which each finds what it needs."""
    place, ports = args.place, {"postgres": PORT}
    files = build_files(args.place, args.members, restores=args.restore_until is not None)
    return [
        *args.build_volumes(),
        *args.volumes.build_volume(place, SERVICE, BACKUPS_CLAIM, BACKUPS_CLAIM, args.backups_size),
        build_account(SERVICE, place, SERVICE),
        *_build_rights(args),
        build_settings(SERVICE, place, SERVICE, files),
        # No selector: Patroni says who leads.
        build_service("postgres", place, SERVICE, ports),
        *(build_service(name, place, SERVICE, {}, clusterIP="None") for name in KEPT),
        build_service(
            "postgres-replicas", place, SERVICE, ports, selector={**place.selector(SERVICE), "role": "replica"}
        ),
        build_headless("postgres-members", place, SERVICE, {"postgres": PORT, "rest": REST}),
        build_budget(place, SERVICE),
        build_policy(place, SERVICE, [(args.clients, [PORT])], [PORT, REST], [API_SERVER]),
        _build_backups(args),
        _build_set(args, files),
    ]


def _build_rights(args: PostgresArgs) -> list[Manifest]:
    """Exactly the requests that Patroni makes: lists and creations can't be bound to names."""
    members = [f"postgres-{number}" for number in range(args.members)]
    rules = [
        {"apiGroups": [""], "resources": ["endpoints", "pods"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["endpoints"], "verbs": ["create"]},
        {
            "apiGroups": [""],
            "resources": ["endpoints"],
            "verbs": ["get", "patch"],
            "resourceNames": [SERVICE, *KEPT],
        },
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"], "resourceNames": members},
    ]
    group = "rbac.authorization.k8s.io"
    metadata = build_metadata(SERVICE, args.place, SERVICE)
    subject = {"kind": "ServiceAccount", "name": SERVICE, "namespace": args.place.namespace}
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": SERVICE},
            "subjects": [subject],
        },
    ]


def _build_backups(args: PostgresArgs) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": build_metadata(BACKUPS_CLAIM, args.place, SERVICE),
        "spec": args.volumes.build_claim(args.backups_size),
    }


def _build_set(args: PostgresArgs, files: dict[str, str]) -> Manifest:
    token = {
        "name": "token",
        "projected": {
            "defaultMode": 0o444,
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
            ],
        },
    }
    volumes = [
        memory("tmp", "64Mi"),
        memory("run", "1Mi"),
        {"name": "settings", "configMap": {"name": SERVICE}},
        {"name": "backups", "persistentVolumeClaim": {"claimName": BACKUPS_CLAIM}},
        secret("passwords", args.secret, PASSWORDS),
        token,
    ]
    pod = build_pod(
        args.place,
        SERVICE,
        [_build_member(args), _build_keeper(args)],
        volumes,
        # To hand over, and for a fast shutdown after it.
        grace=90,
    )
    made = build_set(args.place, SERVICE, args.members, pod, {"data": args.volumes.build_claim(args.size)}, files)
    made["spec"]["template"]["metadata"]["labels"][SCOPE_LABEL] = SERVICE
    # One after the other, and back the same way: with all at once the last two members would leave together.
    made["spec"]["podManagementPolicy"] = "OrderedReady"
    return made


def _build_member(args: PostgresArgs) -> Manifest:
    environment = [
        field_of("POD_NAME", "metadata.name"),
        field_of("POD_NAMESPACE", "metadata.namespace"),
        field_of("POD_IP", "status.podIP"),
        {"name": "PGBACKREST_CONFIG", "value": f"{CONFIG}/pgbackrest.conf"},
    ]
    if args.restore_until is not None:
        environment.append({"name": "HEROLD_RESTORE_UNTIL", "value": args.restore_until})
    return {
        "name": "postgres",
        "image": args.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/local/bin/start-member"],
        "env": environment,
        "ports": [{"name": "postgres", "containerPort": PORT}, {"name": "rest", "containerPort": REST}],
        "lifecycle": {"preStop": {"exec": {"command": ["/usr/local/bin/hand-over"]}}},
        "readinessProbe": {"httpGet": {"path": "/readiness", "port": REST}, "periodSeconds": 2, "timeoutSeconds": 5},
        "livenessProbe": {
            "httpGet": {"path": "/liveness", "port": REST},
            "initialDelaySeconds": 10,
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "2Gi"}},
        "securityContext": dict(CLOSED),
        "volumeMounts": [
            {"name": "data", "mountPath": DATA},
            {"name": "backups", "mountPath": BACKUPS},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 -- the socket, for both containers
            {"name": "run", "mountPath": "/run/herold-postgres"},
            {"name": "settings", "mountPath": CONFIG, "readOnly": True},
            {"name": "passwords", "mountPath": "/run/secrets/postgres", "readOnly": True},
            {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True},
        ],
    }


def _build_keeper(args: PostgresArgs) -> Manifest:
    """Base backups, where this member leads. It has neither passwords nor the account's token."""
    return {
        "name": "backups",
        "image": args.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/local/bin/keep-backups"],
        "env": [{"name": "PGBACKREST_CONFIG", "value": f"{CONFIG}/pgbackrest.conf"}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": dict(CLOSED),
        "volumeMounts": [
            {"name": "data", "mountPath": DATA},
            {"name": "backups", "mountPath": BACKUPS},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            {"name": "settings", "mountPath": CONFIG, "readOnly": True},
        ],
    }
