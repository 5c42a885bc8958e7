"""RabbitMQ: one node, or a cluster of three whose quorum queues survive any one of them.

https://www.rabbitmq.com/docs/3.13/cluster-formation#peer-discovery-classic-config and .../quorum-queues
"""

from __future__ import annotations

import json
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

SERVICE = "rabbitmq"
PORT = 5672
# Erlang's port mapper, the nodes among each other, and `rabbitmqctl`, to which all of them answer.
AMONG = (4369, 25672, *range(35672, 35683))
HOST = "herold"
ADMINISTRATOR, CLIENT = "administrator", "herold"
# By file, the key of the Secret.
PASSWORDS = {ADMINISTRATOR: "password", CLIENT: "client", "cookie": "cookie"}


@dataclass(frozen=True)
class RabbitmqArgs(ServiceArgs):
    """`secret` has what PASSWORDS says."""

    service: ClassVar[str] = SERVICE
    three: ClassVar[str] = "two are a majority"
    size: str = "2Gi"


class Rabbitmq(Component):
    """Outputs: `host` and `port` of the nodes; virtual host `herold`."""

    def __init__(
        self, args: RabbitmqArgs, *, after: list[pulumi.Resource], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("Rabbitmq", args.place, SERVICE, opts)
        declare(self, build_rabbitmq(args), after=after)
        self.host, self.port = f"rabbitmq.{args.place.namespace}.svc.cluster.local", PORT
        self.register_outputs({"host": self.host, "port": self.port})


def build_rabbitmq(args: RabbitmqArgs) -> list[Manifest]:
    """All of it. Clients ask `rabbitmq:5672`, virtual host `herold`, whose durable queues are quorum queues."""
    place = args.place
    files = build_files(args)
    return [
        *args.build_volumes(),
        build_account(SERVICE, place, SERVICE),
        build_settings(SERVICE, place, SERVICE, files),
        build_service("rabbitmq", place, SERVICE, {"amqp": PORT}, selector=place.selector(SERVICE)),
        build_headless("rabbitmq-members", place, SERVICE, {"epmd": AMONG[0], "nodes": AMONG[1]}),
        build_budget(place, SERVICE),
        build_policy(place, SERVICE, [(args.clients, [PORT])], AMONG, [NAMES]),
        _build_set(args, files),
    ]


def domain_of(namespace: str) -> str:
    """Under which the nodes have their names: they are in the data, and must never change."""
    return f"rabbitmq-members.{namespace}.svc.cluster.local"


def build_files(args: RabbitmqArgs) -> dict[str, str]:
    """What RabbitMQ reads, less the hashes of passwords."""
    domain = domain_of(args.place.namespace)
    lines = [
        f"listeners.tcp.default = {PORT}",
        "cluster_formation.peer_discovery_backend = classic_config",
        *(
            f"cluster_formation.classic_config.nodes.{number} = rabbit@rabbitmq-{number - 1}.{domain}"
            for number in range(1, args.members + 1)
        ),
        # Who is cut off from the majority stops: two halves that both take messages can't be put together again.
        "cluster_partition_handling = pause_minority",
        "vm_memory_high_watermark.absolute = 256MiB",
        "disk_free_limit.absolute = 512MB",
        "load_definitions = /run/herold-rabbitmq/definitions.json",
        "log.console = true",
        "log.console.level = info",
        "log.file = false",
        "queue_master_locator = min-masters",
        # A consumer that keeps a message for half an hour is dead.
        "consumer_timeout = 1800000",
    ]
    may = {"configure": ".*", "write": ".*", "read": ".*"}
    definitions = {
        "users": [{"name": ADMINISTRATOR, "tags": ["administrator"]}, {"name": CLIENT, "tags": []}],
        # What is declared durable and says nothing else is a quorum queue.
        "vhosts": [{"name": HOST, "metadata": {"description": "", "tags": [], "default_queue_type": "quorum"}}],
        "permissions": [{"user": user, "vhost": HOST, **may} for user in (ADMINISTRATOR, CLIENT)],
        # A poisoned message is put aside after so many deliveries, and not delivered for ever.
        "policies": [
            {
                "vhost": HOST,
                "name": "deliveries",
                "pattern": ".*",
                "apply-to": "queues",
                "definition": {"delivery-limit": 20},
                "priority": 0,
            }
        ],
    }
    return {
        "rabbitmq.conf": "\n".join(lines) + "\n",
        "definitions.json": json.dumps(definitions, indent=1) + "\n",
        "enabled_plugins": "[].\n",
    }


def _build_set(args: RabbitmqArgs, files: dict[str, str]) -> Manifest:
    volumes = [
        memory("tmp", "16Mi"),
        memory("run", "4Mi"),
        {"name": "settings", "configMap": {"name": SERVICE}},
        secret("passwords", args.secret, PASSWORDS),
    ]
    container = {
        "name": SERVICE,
        "image": args.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/local/bin/start-rabbitmq"],
        "env": [
            field_of("POD_NAME", "metadata.name"),
            # For whoever runs `rabbitmqctl` in the pod, too.
            {"name": "RABBITMQ_NODENAME", "value": f"rabbit@$(POD_NAME).{domain_of(args.place.namespace)}"},
            {"name": "RABBITMQ_USE_LONGNAME", "value": "true"},
            {"name": "RABBITMQ_CONF_ENV_FILE", "value": "/dev/null"},
            {"name": "HOME", "value": "/var/lib/rabbitmq"},
        ],
        "ports": [{"name": "amqp", "containerPort": PORT}],
        # Without RabbitMQ's own command, which starts a virtual machine each time.
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 2, "timeoutSeconds": 5},
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "640Mi"}},
        "securityContext": dict(CLOSED),
        "volumeMounts": [
            {"name": "data", "mountPath": "/var/lib/rabbitmq"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 -- memory of this pod alone
            {"name": "run", "mountPath": "/run/herold-rabbitmq"},
            {"name": "settings", "mountPath": "/etc/herold-rabbitmq", "readOnly": True},
            {"name": "passwords", "mountPath": "/run/secrets/rabbitmq", "readOnly": True},
        ],
    }
    pod = build_pod(args.place, SERVICE, [container], volumes, grace=60)
    made = build_set(args.place, SERVICE, args.members, pod, {"data": args.volumes.build_claim(args.size)}, files)
    # A node waits at its start for those that it knew last: one after the other, they would wait for ever.
    made["spec"]["podManagementPolicy"] = "Parallel"
    return made
