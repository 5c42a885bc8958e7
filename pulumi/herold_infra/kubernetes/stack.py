"""A stack inside a Kubernetes cluster: the namespace of what holds data and what stands in it, and Argo CD."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from herold_infra.kubernetes.argo_cd import NAMESPACE, ArgoCd, ArgoCdArgs, read_manifests
from herold_infra.kubernetes.component import Place
from herold_infra.kubernetes.data_namespace import DataNamespace, DataNamespaceArgs
from herold_infra.kubernetes.pods import Client, Volumes
from herold_infra.kubernetes.postgres import Postgres, PostgresArgs
from herold_infra.kubernetes.rabbitmq import Rabbitmq, RabbitmqArgs
from herold_infra.kubernetes.redis import Redis, RedisArgs
from herold_infra.kubernetes.settings import StackSettings

# Who works on the ledger. operator/deploy/networkpolicies.yaml has their ends.
LEDGER = (
    Client("herold-platform", {"app.kubernetes.io/name": "herold-operator"}),
    Client("herold-platform", {"app.kubernetes.io/name": "herold-reader"}),
    Client("herold-platform", {"herold.dev/uses": "ledger"}),
    Client("herold-senders", {"app.kubernetes.io/managed-by": "herold-operator"}),
)


class Stack:
    """Declares all resources of a stack. `outputs`: what it exports, by name; of secrets only where they are."""

    def __init__(self, settings: StackSettings) -> None:
        # Before anything is made: it may be no file of manifests.
        manifests = read_manifests(Path(settings.argo_cd.manifests)) if settings.argo_cd else ()
        # The context is written down, so that a kubeconfig of another cluster changes nothing there.
        provider = kubernetes.Provider("kubernetes", context=settings.context)
        opts = pulumi.ResourceOptions(providers={"kubernetes": provider})
        place = Place(settings.environment, settings.namespace)
        data = DataNamespace(DataNamespaceArgs(place), opts)
        images, after = settings.images, data.ready
        volumes = Volumes(folder=settings.volumes.folder, node=settings.volumes.node)
        secrets = {name: password.secret for name, password in data.passwords.items()}
        postgres = PostgresArgs(
            place,
            images.postgres,
            secrets["postgres"],
            LEDGER,
            volumes,
            members=settings.postgres.members,
            restore_until=settings.postgres.restore_until,
        )
        ledger = Postgres(postgres, after=after, opts=opts)
        # Nothing of Herold's asks them yet, so nobody may.
        redis = RedisArgs(place, images.redis, secrets["redis"], (), volumes, members=settings.redis.members)
        cache = Redis(redis, after=after, opts=opts)
        rabbitmq = RabbitmqArgs(
            place, images.rabbitmq, secrets["rabbitmq"], (), volumes, members=settings.rabbitmq.members
        )
        queue = Rabbitmq(rabbitmq, after=after, opts=opts)
        if manifests:
            facts = {
                "ledger": f"{ledger.host}:{ledger.port}",
                "cache": f"{cache.host}:{cache.port}",
                "queue": f"{queue.host}:{queue.port}",
            }
            ArgoCd(ArgoCdArgs(Place(settings.environment, NAMESPACE), manifests, facts), opts)
        self.outputs: dict[str, Any] = {
            "environment": settings.environment,
            "namespace": place.namespace,
            "administrators": secrets,
        }
        for name, value in self.outputs.items():
            pulumi.export(name, value)
