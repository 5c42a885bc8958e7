"""The real cluster, from nothing to nothing. Not collected by default: it needs root and changes this machine.

    .venv/bin/pytest tests/local/e2e_cluster.py

It brings the cluster up when it is down, and leaves it as it found it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest
from local.cluster import traces
from local.cluster.kubectl import Kubectl
from local.cluster.layout import API_SERVICE_ADDRESS, CHECKOUT, CONTEXT, PLATFORM_NAMESPACE, here
from local.cluster.platform import HEROLD_IMAGE
from local.cluster.process import find
from local.cluster.progress import wait_until
from local.cluster.tools import go_version, programs

UP_SECONDS = 1800
SENDS = """
import smtplib, sys
with smtplib.SMTP("sink.herold-platform", timeout=10) as relay:
    relay.sendmail("news@example.com", [sys.argv[1]], "Subject: hello\\r\\n\\r\\nhello\\r\\n")
"""
RESOLVES = """
import socket, sys
try:
    print(socket.gethostbyname(sys.argv[1]))
except socket.gaierror:
    print("unknown")
"""


def cluster(*words: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    environ.pop("HEROLD_CONTEXT", None)
    command = [sys.executable, "-m", "local.cluster", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=UP_SECONDS, env=environ, check=False)


@pytest.fixture(scope="module")
def kubectl() -> Iterator[Kubectl]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    was_up = find(here(), "kube-apiserver") is not None
    done = cluster("up")
    assert done.returncode == 0, done.stdout + done.stderr
    program = programs(here().cache, go_version()).path("kubectl")
    yield Kubectl(str(program), here().kubeconfig, CONTEXT)
    if not was_up:
        done = cluster("down")
        assert done.returncode == 0, done.stdout + done.stderr


def run_pod(kubectl: Kubectl, command: list[str], *, environ: list[dict[str, object]] | None = None) -> tuple[str, str]:
    """Run a pod of the image `herold` under PodSecurity `restricted` to its end: its phase and its words."""
    name = f"try-{uuid4().hex[:8]}"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": PLATFORM_NAMESPACE},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "try",
                    "image": HEROLD_IMAGE,
                    "imagePullPolicy": "Never",
                    "command": command,
                    "env": environ or [],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
                }
            ],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        },
    }
    kubectl.apply(json.dumps(pod))

    def phase() -> str:
        found = kubectl.get("pod", name, "-n", PLATFORM_NAMESPACE)
        return str(found["status"].get("phase")) if found else ""

    wait_until(f"pod {name} ends", lambda: phase() in {"Succeeded", "Failed"}, seconds=120)
    result = phase(), kubectl("logs", name, "-n", PLATFORM_NAMESPACE)
    kubectl("delete", "pod", name, "-n", PLATFORM_NAMESPACE, "--wait=false")
    return result


def python(code: str, *words: str) -> list[str]:
    return ["/usr/bin/python3.11", "-c", code, *words]


def test_up_when_all_is_up_changes_nothing(kubectl: Kubectl) -> None:
    before = {name: find(here(), name) for name in traces.NAMES}
    done = cluster("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert None not in before.values()
    assert {name: find(here(), name) for name in traces.NAMES} == before


def test_a_pod_knows_the_names_of_the_cluster_and_no_others(kubectl: Kubectl) -> None:
    known = run_pod(kubectl, python(RESOLVES, "kubernetes.default.svc.cluster.local"))
    assert known == ("Succeeded", f"{API_SERVICE_ADDRESS}\n")
    assert run_pod(kubectl, python(RESOLVES, "www.example.com")) == ("Succeeded", "unknown\n")


def test_the_root_of_a_pod_can_not_be_written(kubectl: Kubectl) -> None:
    phase, words = run_pod(kubectl, ["/bin/sh", "-c", "id -u; echo x > /opt/herold/x"])
    assert phase == "Failed"
    assert words.startswith("65532\n")
    assert "Read-only file system" in words


def test_herold_in_a_pod_keeps_its_ledger_in_the_platforms_database(kubectl: Kubectl) -> None:
    # A database of its own: a ledger belongs to the key of the installation that made it.
    name = f"e2e_{uuid4().hex[:8]}"
    psql = ("exec", "-n", PLATFORM_NAMESPACE, "postgres-0", "--", "psql", "-h", "/tmp", "-U", "postgres", "-c")
    kubectl(*psql, f"CREATE DATABASE {name}")
    environ: list[dict[str, object]] = [
        {"name": "BASE_URL", "valueFrom": {"secretKeyRef": {"name": "postgres", "key": "url"}}},
        {"name": "HEROLD_SINGLE_NODE", "value": "true"},
        {"name": "HEROLD_STATE_DIR", "value": "/tmp/herold"},
    ]
    herold = "python3.11 -m herold.cli ledger"
    script = f'export HEROLD_DATABASE_URL="${{BASE_URL%/*}}/{name}"; unset BASE_URL; {herold} migrate && {herold} check'
    phase, said = run_pod(kubectl, ["/bin/sh", "-c", script], environ=environ)
    kubectl(*psql, f"DROP DATABASE {name}")
    assert phase == "Succeeded", said


def test_a_mail_from_a_pod_arrives_in_the_relays_log(kubectl: Kubectl) -> None:
    recipient = f"{uuid4().hex}@example.com"
    phase, said = run_pod(kubectl, python(SENDS, recipient))
    assert phase == "Succeeded", said
    log = kubectl("exec", "-n", PLATFORM_NAMESPACE, "deploy/sink", "--", "cat", "/data/accepted.tsv")
    assert [line.split("\t")[2] for line in log.splitlines()].count(recipient) == 1


def test_status_names_what_was_killed_and_up_starts_just_that(kubectl: Kubectl) -> None:
    layout = here()
    victim = find(layout, "kubelet")
    other = find(layout, "etcd")
    assert victim is not None
    os.kill(victim.pid, 9)
    wait_until("the kubelet is dead", lambda: not victim.alive(), seconds=10)
    told = cluster("status")
    assert told.returncode == 5
    assert "not running: kubelet" in told.stderr
    done = cluster("up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert find(layout, "kubelet") not in {None, victim}
    assert find(layout, "etcd") == other


def test_the_image_of_the_checkout_is_built_and_runs(kubectl: Kubectl) -> None:
    done = cluster("image")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith("localhost/herold:")
    phase, said = run_pod(kubectl, ["/usr/bin/python3.11", "-m", "herold.cli", "--version"])
    assert (phase, said.split()[0]) == ("Succeeded", "herold")
