"""The cluster of these tests: brought up when it is down, left as it was found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
# At the end: nothing at the checkout's root may take the place of a module.
if str(CHECKOUT) not in sys.path:
    sys.path.append(str(CHECKOUT))

from local.cluster.kubectl import Kubectl  # noqa: E402
from local.cluster.layout import CONTEXT, here  # noqa: E402
from local.cluster.process import find  # noqa: E402
from local.cluster.tools import go_version, programs  # noqa: E402

from e2e.cluster import Cluster  # noqa: E402
from e2e.people import Crowd  # noqa: E402

UP_SECONDS = 1800


def _cluster(*words: str) -> None:
    environ = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "local.cluster", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=UP_SECONDS, env=environ, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Herold on the local cluster, from this checkout."""
    was_up = find(here(), "kube-apiserver") is not None
    _cluster("up")
    program = programs(here().cache, go_version()).path("kubectl")
    yield Cluster(Kubectl(str(program), here().kubeconfig, CONTEXT))
    if not was_up:
        _cluster("down")


@pytest.fixture
def gather(cluster: Cluster) -> Iterator[Callable[[int], Crowd]]:
    """Put so many new people into the ledger; their campaign is removed afterwards."""
    crowds: list[Crowd] = []

    def go(count: int) -> Crowd:
        crowd = Crowd.new(count)
        crowds.append(crowd)
        cluster.load(crowd)
        return crowd

    yield go
    for crowd in crowds:
        cluster.remove(crowd)
