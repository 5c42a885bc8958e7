"""Workers: one Deployment for each SenderProfile, in the platform's namespace, from and to zero."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from controller.platform import SENDERS, SHARED, Platform, world
from herold.settings import Settings
from herold_operator.pods import Platform as Place
from herold_operator.settings import OperatorSettings
from herold_operator.snapshot import Backlog
from herold_operator.workers import build_worker_deployment, deployment_name, wanted_replicas
from parts.campaigns import small_campaign
from parts.kubernetes import wait_for
from parts.smtp_sink import smtp_sink

NAME = deployment_name(SHARED, "shop-newsletter")


def deployments(platform: Platform) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = platform.api.ask("GET", f"/apis/apps/v1/namespaces/{SENDERS}/deployments")["items"]
    return found


def replicas(platform: Platform) -> int | None:
    for each in deployments(platform):
        if each["metadata"]["name"] == NAME:
            return int(each["spec"]["replicas"])
    return None


def test_workers_come_when_something_is_due_and_go_when_nothing_is(platform: Platform, tmp_path: Path) -> None:
    platform.operator(workers_idle="0")
    with smtp_sink(tmp_path / "sink.log") as sink:
        campaign = platform.declare(port=sink.port, campaign={"suspend": True})
        platform.wait_reason(campaign, "Planned", "AudienceFrozen")
        assert replicas(platform) in (None, 0)  # it is suspended: nobody is needed
        platform.api.merge(campaign, {"spec": {"suspend": False}})
        wait_for("a worker", lambda: replicas(platform) == 1)
        worker = platform.worker()
        try:
            platform.wait_reason(campaign, "Completed", "EverybodySettled")
            wait_for("no worker", lambda: replicas(platform) == 0)
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(30)
    assert len(deployments(platform)) == 1


def test_workers_of_a_profile_that_is_deleted_go_once_nothing_is_due(platform: Platform) -> None:
    platform.operator()
    resources = world()
    platform.apply(*resources)
    wait_for("a worker", lambda: replicas(platform) == 1)
    platform.api.delete(resources[1])
    platform.wait_reason(resources[-1], "Valid", "ReferenceNotFound")
    assert replicas(platform) == 1  # people still wait for their message
    platform.api.merge(resources[-1], {"metadata": {"annotations": {"herold.dev/hold": "enough"}}})
    wait_for("no Deployment", lambda: deployments(platform) == [])


def test_a_scale_by_hand_is_undone_at_the_next_resync(platform: Platform) -> None:
    platform.operator(resync="5")
    platform.declare()
    wait_for("a worker", lambda: replicas(platform) == 1)
    platform.api.kubectl("scale", "deployment", NAME, "-n", SENDERS, "--replicas=3")
    wait_for("one worker", lambda: replicas(platform) == 1, 20)


@pytest.mark.parametrize(
    ("due", "chores", "rate", "count"),
    [
        *((0, False, "1000", 0), (0, True, "1000", 1), (1, False, "1000", 1), (10_000_000, False, "1000", 1)),
        *((10_000_000, False, "9000", 5), (50_000, False, "9000", 3), (10_000_000, False, "100000", 8)),
    ],
)
def test_there_are_as_many_workers_as_the_backlog_and_the_rates_keep_busy(
    due: int, chores: bool, rate: str, count: int
) -> None:
    sender = small_campaign(per_second=rate).sender
    assert wanted_replicas(Backlog(SHARED, "x", due, chores), sender, OperatorSettings()) == count


def test_a_pod_is_restricted_and_reads_its_own_secrets_only() -> None:
    keys = [{"domain": "shop.example", "selector": "s1", "keyRef": {"name": "shop-dkim"}}]
    route = {"host": "relay.example", "credentialsRef": {"name": "shop-relay"}, "caRef": {"name": "shop-ca"}}
    sender = small_campaign(sender={"dkim": keys, "route": route}).sender
    manifest = build_worker_deployment(sender, 2, Place.of(OperatorSettings(), Settings()))
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert manifest["metadata"]["namespace"] == "herold-senders"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        **{"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    }
    secrets = sorted(each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each)
    assert secrets == ["herold-key", "shop-ca", "shop-dkim", "shop-relay"]
    assert container["args"] == ["worker", "--sender", "campaigns-shared/shop-newsletter"]


def test_a_pod_is_asked_how_it_is_on_the_port_that_its_worker_is_told() -> None:
    manifest = build_worker_deployment(small_campaign().sender, 1, Place.of(OperatorSettings(), Settings()))
    template = manifest["spec"]["template"]
    (container,) = template["spec"]["containers"]
    told = {each["name"]: each.get("value", "") for each in container["env"]}
    (port,) = container["ports"]
    assert str(port["containerPort"]) == told["HEROLD_WORKER_HEALTH_PORT"]
    assert template["metadata"]["annotations"]["prometheus.io/port"] == told["HEROLD_WORKER_HEALTH_PORT"]
    probes = {name: container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")}
    assert probes == {
        "livenessProbe": {"path": "/healthz", "port": port["name"]},
        "readinessProbe": {"path": "/readyz", "port": port["name"]},
    }


def test_names_of_deployments_are_labels_whatever_the_sender_is_called() -> None:
    names = {
        deployment_name("a", "b"),
        deployment_name("a-b", "c"),
        deployment_name("a", "b.c"),
        deployment_name("a", "x" * 63),
    }
    assert len(names) == 4
    assert all(len(name) <= 63 and "." not in name for name in names)
