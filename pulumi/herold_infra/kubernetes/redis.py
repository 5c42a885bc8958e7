"""Redis with a Sentinel beside each member: one member, or three of which the Sentinels choose the master.

https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi

from herold_infra.kubernetes.component import Component, Manifest
from herold_infra.kubernetes.declaring import declare
from herold_infra.kubernetes.pods import (
    CLOSED,
    NAMES,
    ServiceArgs,
    build_account,
    build_budget,
    build_headless,
    build_pod,
    build_policy,
    build_service,
    build_set,
    build_settings,
    field_of,
    memory,
    secret,
)

SERVICE = "redis"
PORT, SENTINEL = 6379, 26379
CONFIG = "/etc/herold-redis"
# By file, the key of the Secret.
PASSWORDS = {"admin": "password", "client": "client", "replication": "replication", "sentinel": "sentinel"}
MEMORY = "128mb"
# Until a master that is silent counts as gone; and until a failover is given up, to be tried again after as much: two
# Sentinels that are left may each have voted for themselves.
SILENT_MS, FAILOVER_MS = 5000, 5000


@dataclass(frozen=True)
class RedisArgs(ServiceArgs):
    """Clients come as the user `herold`; `secret` has what PASSWORDS says."""

    service: ClassVar[str] = SERVICE
    three: ClassVar[str] = "two can agree on a master"


class Redis(Component):
    """Outputs: `host` and `port` of the Sentinels, who name the master of `herold`."""

    def __init__(
        self, args: RedisArgs, *, after: list[pulumi.Resource], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("Redis", args.place, SERVICE, opts)
        declare(self, build_redis(args), after=after)
        self.host, self.port = f"redis-sentinels.{args.place.namespace}.svc.cluster.local", SENTINEL
        self.register_outputs({"host": self.host, "port": self.port})


def build_redis(args: RedisArgs) -> list[Manifest]:
    """All of it. Clients ask `redis-sentinels:26379` who the master of `herold` is."""
    place = args.place
    files = build_files(args.members)
    return [
        *args.build_volumes(),
        build_account(SERVICE, place, SERVICE),
        build_settings(SERVICE, place, SERVICE, files),
        build_headless("redis-members", place, SERVICE, {"redis": PORT, "sentinel": SENTINEL}),
        build_service(
            "redis-sentinels",
            place,
            SERVICE,
            {"sentinel": SENTINEL},
            selector=place.selector(SERVICE),
        ),
        build_budget(place, SERVICE),
        build_policy(place, SERVICE, [(args.clients, [PORT, SENTINEL])], [PORT, SENTINEL], [NAMES]),
        _build_set(args, files),
    ]


def build_files(members: int) -> dict[str, str]:
    """What Redis and the Sentinel read, less names and passwords."""
    redis = [
        "bind 0.0.0.0",
        f"port {PORT}",
        "protected-mode no",  # everybody has a password: the user `default` is off
        "appendonly yes",
        "appendfsync everysec",
        f"maxmemory {MEMORY}",
        # What does not fit is refused and not forgotten.
        "maxmemory-policy noeviction",
        "loglevel notice",
        # A master that nobody follows takes no writes: nothing is acknowledged that one machine alone has.
        f"min-replicas-to-write {1 if members > 1 else 0}",
        # A master that is cut off stops before another one is chosen.
        f"min-replicas-max-lag {SILENT_MS // 1000 - 1}",
    ]
    sentinel = [
        "bind 0.0.0.0",
        f"port {SENTINEL}",
        "protected-mode no",
        "loglevel notice",
        # The start program writes them below `sentinel monitor`, which must come first.
        f"# herold down-after-milliseconds herold {SILENT_MS}",
        f"# herold failover-timeout herold {FAILOVER_MS}",
        "# herold parallel-syncs herold 1",
    ]
    return {"redis.conf": "\n".join(redis) + "\n", "sentinel.conf": "\n".join(sentinel) + "\n"}


def _build_set(args: RedisArgs, files: dict[str, str]) -> Manifest:
    volumes = [
        memory("tmp", "16Mi"),
        memory("run-redis", "1Mi"),
        memory("run-sentinel", "1Mi"),
        {"name": "settings", "configMap": {"name": SERVICE}},
        secret("passwords", args.secret, PASSWORDS),
    ]
    environment = [
        field_of("POD_NAME", "metadata.name"),
        {"name": "REDIS_DOMAIN", "value": f"redis-members.{args.place.namespace}.svc.cluster.local"},
        {"name": "REDIS_SENTINELS", "value": f"redis-sentinels.{args.place.namespace}.svc.cluster.local"},
        {"name": "REDIS_QUORUM", "value": str(args.members // 2 + 1)},
    ]
    answers = {"tcpSocket": {"port": PORT}}
    votes = {"tcpSocket": {"port": SENTINEL}}
    containers = [
        _build_container(args, "redis", PORT, environment, "256Mi", answers),
        _build_container(args, "sentinel", SENTINEL, environment, "64Mi", votes),
    ]
    pod = build_pod(args.place, SERVICE, containers, volumes, grace=30)
    claims = {"data": args.volumes.build_claim(args.size)}
    made = build_set(args.place, SERVICE, args.members, pod, claims, files)
    # Had all been gone at once, the first would else wait for a master whose pod comes after it.
    made["spec"]["podManagementPolicy"] = "Parallel"
    # No next member is rolled before this one follows, and the Sentinels have heard of it: they ask every 10 s.
    if args.members > 1:
        made["spec"]["minReadySeconds"] = 15
    return made


def _build_container(
    args: RedisArgs, name: str, port: int, environment: list[Manifest], limit: str, ready: Manifest
) -> Manifest:
    return {
        "name": name,
        "image": args.image,
        "imagePullPolicy": "IfNotPresent",
        "command": [f"/usr/local/bin/start-{name}"],
        "env": environment,
        "ports": [{"name": name, "containerPort": port}],
        "readinessProbe": {**ready, "periodSeconds": 2, "timeoutSeconds": 5},
        "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}, "limits": {"memory": limit}},
        "securityContext": dict(CLOSED),
        "volumeMounts": [
            {"name": "data", "mountPath": "/data"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 -- memory of this pod alone
            {"name": f"run-{name}", "mountPath": "/run/herold-redis"},
            {"name": "settings", "mountPath": CONFIG, "readOnly": True},
            {"name": "passwords", "mountPath": "/run/secrets/redis", "readOnly": True},
        ],
    }
