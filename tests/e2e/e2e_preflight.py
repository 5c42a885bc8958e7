"""A campaign says before its time what would go wrong, on the real cluster. Not collected by default: needs root.

make e2e
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.cluster.layout import PLATFORM_NAMESPACE, SENDERS_NAMESPACE
from local.cluster.progress import wait_until
from local.cluster.secret import build_secret

from e2e.cluster import Cluster
from e2e.people import TEAM, Crowd, Item
from e2e.pods import build_pod
from parts.certificates import make_certificates

Gather = Callable[[int], Crowd]
PYTHON, PORT, PASSWORD = "/usr/bin/python3.11", 2525, "battery-staple"
# What was found is looked at again after one minute, two, four.
MENDED_WITHIN = 300


@contextmanager
def relay_with_login(cluster: Cluster, crowd: Crowd, folder: Path) -> Iterator[Item]:
    """A relay beside the cluster's, that wants a login; its route. The Secret of the route has a wrong password.

    It is never ready, so that the relay's own Service sends nobody here; this one's Service asks for no readiness.
    """
    name, host = crowd.name, f"{crowd.name}.{PLATFORM_NAMESPACE}.svc.cluster.local"
    served = make_certificates(folder, host)
    files = {
        "tls.crt": served.certificate.read_text(),
        "tls.key": served.key.read_text(),
        "login": f"shop:{PASSWORD}\n",
    }
    command = [PYTHON, "-m", "herold.demo.sink", "--host=0.0.0.0", f"--port={PORT}", "--log=/tmp/accepted.tsv"]
    command += [f"--tls-{part}=/run/secrets/relay/tls.{end}" for part, end in (("cert", "crt"), ("key", "key"))]
    labels = {"app": "sink", "herold.dev/test": name}
    pod: Any = build_pod([*command, "--auth=/run/secrets/relay/login"], PLATFORM_NAMESPACE, labels)
    (container,) = pod["spec"]["containers"]
    never = {"exec": {"command": [PYTHON, "-c", "raise SystemExit(1)"]}, "periodSeconds": 60}
    container["readinessProbe"] = never
    container["volumeMounts"].append({"name": "relay", "mountPath": "/run/secrets/relay", "readOnly": True})
    pod["spec"]["volumes"].append({"name": "relay", "secret": {"secretName": name, "defaultMode": 0o440}})
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": PLATFORM_NAMESPACE},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"herold.dev/test": name},
            "ports": [{"name": "smtp", "port": PORT}],
        },
    }
    made = (
        ("pod", pod["metadata"]["name"], PLATFORM_NAMESPACE),
        ("service", name, PLATFORM_NAMESPACE),
        ("secret", name, PLATFORM_NAMESPACE),
        ("secret", name, SENDERS_NAMESPACE),
    )
    try:
        cluster.apply([build_secret(PLATFORM_NAMESPACE, name, files), service, pod])
        login(cluster, crowd, "not the password", served.authority.read_text())
        words = ("logs", pod["metadata"]["name"], "-n", PLATFORM_NAMESPACE)
        wait_until("the relay to run", lambda: _phase(cluster, pod) == "Running", seconds=120)
        wait_until("the relay to say its ports", lambda: cluster.kubectl(*words).strip() != "", seconds=60)
        yield {
            **{"host": host, "port": PORT, "tls": "StartTls"},
            **{"caRef": {"name": name}, "credentialsRef": {"name": name}},
        }
    finally:
        for kind, each, namespace in made:
            cluster.kubectl("delete", kind, each, "-n", namespace, "--ignore-not-found", seconds=60)


def _phase(cluster: Cluster, pod: Item) -> str:
    found = cluster.kubectl.get("pod", pod["metadata"]["name"], "-n", PLATFORM_NAMESPACE)
    return str(found.get("status", {}).get("phase", "")) if found else ""


def login(cluster: Cluster, crowd: Crowd, password: str, authority: str) -> None:
    """Write the Secret that the crowd's sender names."""
    data = {"username": "shop", "password": password, "ca.crt": authority}
    cluster.apply([build_secret(SENDERS_NAMESPACE, crowd.name, data)])


def degraded(cluster: Cluster, crowd: Crowd) -> str:
    """What the condition Degraded says."""
    stated = {each["type"]: each["message"] for each in cluster.status(crowd)["conditions"]}
    return str(stated["Degraded"])


def test_a_wrong_password_of_the_relay_is_said_hours_before_and_no_longer_once_it_is_mended(
    cluster: Cluster, gather: Gather, tmp_path: Path
) -> None:
    later = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S")
    crowd = replace(gather(3), due=later)
    with relay_with_login(cluster, crowd, tmp_path) as route:
        (profile,) = crowd.platform(per_second=40)
        profile["spec"]["route"] = route
        cluster.apply([profile])
        cluster.apply(crowd.team())
        cluster.wait_reason(crowd, "Degraded", "PreflightFoundTrouble")
        said = degraded(cluster, crowd)
        assert "found one thing" in said
        assert "LoginRefused" in said
        assert f"the Secret {crowd.name}" in said
        assert cluster.status(crowd)["state"] == "Scheduled"
        (row,) = cluster.kubectl("get", "campaign", crowd.name, "-n", TEAM, "--no-headers").splitlines()
        assert row.split()[:3] == [crowd.name, "Scheduled", "PreflightFoundTrouble"]
        words = cluster.words(crowd)
        assert "not the password" not in words
        assert [address for address in crowd.addresses if address in words] == []

        login(cluster, crowd, PASSWORD, (tmp_path / "ca.crt").read_text())
        cluster.wait_reason(crowd, "Degraded", "AsExpected", seconds=MENDED_WITHIN)
        wait_until("Planned to say so", lambda: "found nothing" in str(cluster.status(crowd)), seconds=30)
        assert PASSWORD not in cluster.words(crowd)
        assert cluster.workers(crowd) == []
