"""The operator: who leads, what a pod measures; taken away, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from local.cluster.layout import PLATFORM_NAMESPACE
from local.cluster.progress import wait_until

from e2e.cluster import Cluster
from e2e.delivery import healing_nothing

OPERATOR = "app.kubernetes.io/name=herold-operator"
PYTHON = "/usr/bin/python3.11"
FETCH = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8080/metrics', timeout=10).read().decode())"


def leader(cluster: Cluster) -> str:
    """The pod that leads, "" when none does."""
    lease = cluster.kubectl.get("lease", "herold-operator", "-n", PLATFORM_NAMESPACE)
    return str((lease or {}).get("spec", {}).get("holderIdentity") or "")


def metrics(cluster: Cluster, namespace: str, pod: str) -> str:
    """What a pod answers, asked from inside."""
    return cluster.kubectl("exec", "-n", namespace, pod, "--", PYTHON, "-c", FETCH)


@contextmanager
def no_operator(cluster: Cluster) -> Iterator[None]:
    """Neither an operator nor who would bring it back."""
    with healing_nothing(cluster.kubectl):
        scale_operator(cluster, 0)
        try:
            yield
        finally:
            scale_operator(cluster, 2)


def scale_operator(cluster: Cluster, replicas: int) -> None:
    """And wait until there are that many pods of it."""
    cluster.kubectl("scale", "deployment/herold-operator", "-n", PLATFORM_NAMESPACE, f"--replicas={replicas}")

    def there() -> bool:
        found = cluster.kubectl.get("pods", "-n", PLATFORM_NAMESPACE, "-l", OPERATOR)
        if found is None:
            return False
        ready = [
            all(s["ready"] for s in pod["status"].get("containerStatuses", [{"ready": False}]))
            for pod in found["items"]
        ]
        return len(ready) == replicas and all(ready)

    wait_until(f"{replicas} operator pods", there, seconds=120)
