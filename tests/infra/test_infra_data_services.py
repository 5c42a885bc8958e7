"""The data services inside a cluster: what their manifests promise, without an engine and without a cluster."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from local.cluster.policies import build_rules

from herold_infra.kubernetes.component import Manifest, Place
from herold_infra.kubernetes.pods import Client, Volumes
from herold_infra.kubernetes.postgres import KEPT, PostgresArgs, build_postgres
from herold_infra.kubernetes.postgres_settings import LEASE, LOOP, RETRY
from herold_infra.kubernetes.rabbitmq import RabbitmqArgs, build_rabbitmq
from herold_infra.kubernetes.redis import RedisArgs, build_redis

PLACE = Place("test", "herold-data")
IMAGE = f"localhost/x@sha256:{'0' * 64}"
CLIENT = Client("herold-platform", {"herold.dev/uses": "ledger"})
VOLUMES = Volumes(folder="/volumes", node="herold-node")
Build = Callable[[int], list[Manifest]]


def postgres(members: int, **more: Any) -> list[Manifest]:
    return build_postgres(PostgresArgs(PLACE, IMAGE, "s", (CLIENT,), VOLUMES, members=members, **more))


def redis(members: int) -> list[Manifest]:
    return build_redis(RedisArgs(PLACE, IMAGE, "s", (CLIENT,), VOLUMES, members=members))


def rabbitmq(members: int) -> list[Manifest]:
    return build_rabbitmq(RabbitmqArgs(PLACE, IMAGE, "s", (CLIENT,), VOLUMES, members=members))


SERVICES = pytest.mark.parametrize("build", [postgres, redis, rabbitmq])


def of_kind(items: list[Manifest], kind: str) -> list[Manifest]:
    return [item for item in items if item["kind"] == kind]


def patroni(members: int, **more: Any) -> dict[str, Any]:
    (settings,) = of_kind(postgres(members, **more), "ConfigMap")
    return dict(json.loads(settings["data"]["patroni.yaml"]))


@SERVICES
@pytest.mark.parametrize("members", [0, 2, 4])
def test_a_number_of_members_that_can_not_agree_is_refused(build: Build, members: int) -> None:
    with pytest.raises(ValueError, match=f"{members} members; 1, or 3"):
        build(members)


@SERVICES
@pytest.mark.parametrize("members", [1, 3])
def test_no_container_has_a_secret_in_its_environment_or_its_command(build: Build, members: int) -> None:
    (workload,) = of_kind(build(members), "StatefulSet")
    for container in workload["spec"]["template"]["spec"]["containers"]:
        assert "secretKeyRef" not in json.dumps(container)
        assert len(container["command"]) == 1


@SERVICES
def test_with_other_settings_pods_are_rolled_and_with_the_same_they_are_not(build: Build) -> None:
    def annotations(members: int) -> Any:
        (workload,) = of_kind(build(members), "StatefulSet")
        return workload["spec"]["template"]["metadata"]["annotations"]

    assert annotations(3) == annotations(3)
    assert annotations(3) != annotations(1)


@SERVICES
def test_volumes_are_there_for_all_members_that_there_may_be_and_for_their_claims_alone(build: Build) -> None:
    one, three = (of_kind(build(members), "PersistentVolume") for members in (1, 3))
    assert one == three
    claims = [volume["spec"]["claimRef"]["name"] for volume in three]
    assert len(set(claims)) == len(claims) >= 3
    assert {volume["spec"]["persistentVolumeReclaimPolicy"] for volume in three} == {"Retain"}


def pod(name: str, namespace: str, labels: dict[str, str], address: str) -> Manifest:
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {},
        "status": {"podIP": address, "phase": "Running"},
    }


@pytest.mark.parametrize(("build", "port"), [(postgres, 5432), (redis, 6379), (rabbitmq, 5672)])
def test_only_clients_and_members_reach_a_service_where_our_enforcer_makes_policies_hold(
    build: Build, port: int
) -> None:
    items = build(3)
    (policy,) = of_kind(items, "NetworkPolicy")
    (workload,) = of_kind(items, "StatefulSet")
    labels = workload["spec"]["template"]["metadata"]["labels"]
    pods = [
        pod("member-0", PLACE.namespace, labels, "10.0.0.1"),
        pod("member-1", PLACE.namespace, labels, "10.0.0.2"),
        pod("client", CLIENT.namespace, dict(CLIENT.labels), "10.0.0.3"),
        pod("stranger", CLIENT.namespace, {}, "10.0.0.4"),
    ]
    names = [
        {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}}
        for name in (PLACE.namespace, CLIENT.namespace)
    ]
    rules = build_rules([policy], pods, names)
    assert rules.not_understood == ()
    assert rules.shut_in == rules.shut_out == {"10.0.0.1", "10.0.0.2"}
    into = {(opening.source, opening.port) for opening in rules.into}
    assert ("10.0.0.3", port) in into
    assert not any(source == "10.0.0.4" for source, _ in into)
    assert {other for source, other in into if source == "10.0.0.3"} <= {port, 26379}
    assert any(source == "10.0.0.2" for source, _ in into)


def test_with_three_members_nothing_is_acknowledged_that_one_machine_alone_has() -> None:
    for members, strict in ((1, False), (3, True)):
        made = patroni(members)["bootstrap"]["dcs"]
        assert (made["synchronous_mode"], made["synchronous_mode_strict"]) == (strict, strict)
        assert made["failsafe_mode"] is True


def test_a_redis_master_that_is_cut_off_takes_no_more_writes_before_another_is_chosen() -> None:
    (settings,) = [item["data"] for item in of_kind(redis(3), "ConfigMap")]
    words = {line.partition(" ")[0]: line.partition(" ")[2] for line in settings["redis.conf"].splitlines()}
    silent = re.search(r"down-after-milliseconds herold (\d+)", settings["sentinel.conf"])
    assert silent
    assert words["min-replicas-to-write"] == "1"
    assert 1000 * int(words["min-replicas-max-lag"]) < int(silent[1])


def test_a_lease_lasts_for_a_loop_and_two_rounds_of_tries() -> None:
    assert LOOP + 2 * RETRY <= LEASE


def test_a_member_that_is_gone_does_not_fill_the_volume_of_the_one_that_leads() -> None:
    kept = patroni(3)["bootstrap"]["dcs"]["postgresql"]["parameters"]["max_slot_wal_keep_size"]
    assert kept.endswith("GB")
    assert PostgresArgs.size.endswith("Gi")
    # A quarter is for it; the rest is for data, and for WAL that the archive does not take.
    assert 4 * int(kept[:-2]) <= int(PostgresArgs.size[:-2])
    # And what it lacks then is in the archive.
    assert "archive-get" in patroni(3)["postgresql"]["recovery_conf"]["restore_command"]


def test_patroni_may_do_what_it_does_and_nothing_else() -> None:
    items = postgres(3)
    (role,) = of_kind(items, "Role")
    unbound = [rule for rule in role["rules"] if "resourceNames" not in rule]
    assert {verb for rule in unbound for verb in rule["verbs"]} == {"list", "watch", "create"}
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list", "watch", "create", "get", "patch"}
    assert {resource for rule in role["rules"] for resource in rule["resources"]} == {"endpoints", "pods"}
    (workload,) = of_kind(items, "StatefulSet")
    member, keeper = workload["spec"]["template"]["spec"]["containers"]
    assert {"token", "passwords"} <= {mount["name"] for mount in member["volumeMounts"]}
    assert not {"token", "passwords"} & {mount["name"] for mount in keeper["volumeMounts"]}


def test_what_patroni_keeps_in_kubernetes_is_not_cleaned_away() -> None:
    services = {service["metadata"]["name"]: service["spec"] for service in of_kind(postgres(1), "Service")}
    for name in ("postgres", *KEPT):
        assert "selector" not in services[name]


def test_it_is_made_from_backups_only_when_a_moment_is_named() -> None:
    assert "method" not in patroni(1)["bootstrap"]
    assert patroni(1, restore_until="2026-12-01 09:00:00+00")["bootstrap"]["method"] == "restore"


def test_a_folder_needs_its_node() -> None:
    with pytest.raises(ValueError, match="go together"):
        Volumes(folder="/volumes")
