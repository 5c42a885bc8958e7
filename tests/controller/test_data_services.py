"""The data services as a real API server takes them: every field known, every pod within PodSecurity `restricted`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from herold_infra.kubernetes.component import Place
from herold_infra.kubernetes.pods import Client, Volumes
from herold_infra.kubernetes.postgres import PostgresArgs, build_postgres
from herold_infra.kubernetes.rabbitmq import RabbitmqArgs, build_rabbitmq
from herold_infra.kubernetes.redis import RedisArgs, build_redis
from parts.kubernetes import Answer, ApiServer

Item = dict[str, Any]
IMAGE = f"localhost/x@sha256:{'0' * 64}"
CLIENTS = (Client("herold-platform", {"herold.dev/uses": "ledger"}), Client("herold-senders"))
HERE, CLASS = Volumes(folder="/volumes", node="herold-node"), Volumes(storage_class="fast")


def _postgres(namespace: str, members: int, volumes: Volumes) -> list[Item]:
    until = "2026-01-01 00:00:00+00" if members == 1 else None
    args = PostgresArgs(
        Place("test", namespace), IMAGE, "postgres", CLIENTS, volumes, members=members, restore_until=until
    )
    return build_postgres(args)


def _redis(namespace: str, members: int, volumes: Volumes) -> list[Item]:
    return build_redis(RedisArgs(Place("test", namespace), IMAGE, "redis", CLIENTS, volumes, members=members))


def _rabbitmq(namespace: str, members: int, volumes: Volumes) -> list[Item]:
    return build_rabbitmq(RabbitmqArgs(Place("test", namespace), IMAGE, "rabbitmq", CLIENTS, volumes, members=members))


Build = Callable[[str, int, Volumes], list[Item]]
SERVICES = {"postgres": _postgres, "redis": _redis, "rabbitmq": _rabbitmq}


@pytest.fixture
def restricted(api_server: ApiServer) -> Iterator[str]:
    """A namespace in which PodSecurity `restricted` is enforced."""
    name = f"data-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    api_server.apply(namespace)
    yield name
    api_server.delete(namespace)


@pytest.mark.parametrize("build", SERVICES.values(), ids=SERVICES)
@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("volumes", [HERE, CLASS], ids=["node", "class"])
def test_the_api_server_takes_every_object_and_every_pod(
    api_server: ApiServer, restricted: str, build: Build, members: int, volumes: Volumes
) -> None:
    items = build(restricted, members, volumes)
    for item in items:
        api_server.apply(item, dry_run=True)
    (workload,) = [item for item in items if item["kind"] == "StatefulSet"]
    claims = [each["metadata"]["name"] for each in workload["spec"]["volumeClaimTemplates"]]
    template = workload["spec"]["template"]
    pod: Item = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**template["metadata"], "name": "x", "namespace": restricted},
        "spec": {
            **template["spec"],
            "volumes": [
                *template["spec"]["volumes"],
                *({"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims),
            ],
        },
    }
    api_server.apply(pod, dry_run=True)
    pod["spec"] = {**pod["spec"], "hostNetwork": True}
    with pytest.raises(Answer, match="restricted"):
        api_server.apply(pod, dry_run=True)


@pytest.mark.parametrize("build", SERVICES.values(), ids=SERVICES)
def test_what_a_changed_image_changes_is_the_template_alone(
    api_server: ApiServer, restricted: str, build: Build
) -> None:
    (before,) = [item for item in build(restricted, 3, CLASS) if item["kind"] == "StatefulSet"]
    api_server.apply(before)
    for container in before["spec"]["template"]["spec"]["containers"]:
        container["image"] = f"localhost/x@sha256:{'1' * 64}"
    after = api_server.apply(before)
    assert after["metadata"]["generation"] == 2
    assert {each["image"] for each in after["spec"]["template"]["spec"]["containers"]} == {
        f"localhost/x@sha256:{'1' * 64}"
    }
