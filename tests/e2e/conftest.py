"""The cluster of these tests: brought up when it is down, left as it was found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
# At the end: nothing at the checkout's root may take the place of a module.
if str(CHECKOUT) not in sys.path:
    sys.path.append(str(CHECKOUT))

from local.cluster import build, needs, traces  # noqa: E402
from local.cluster.kubectl import Kubectl  # noqa: E402
from local.cluster.layout import CONTEXT, here  # noqa: E402
from local.cluster.process import find  # noqa: E402
from local.cluster.tools import go_version, programs  # noqa: E402

from e2e.cluster import Cluster  # noqa: E402
from e2e.people import Crowd  # noqa: E402

UP_SECONDS = 1800


def run_cluster(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m local.cluster`, with these variables beside ours."""
    ours = {name: value for name, value in os.environ.items() if name != "HEROLD_CONTEXT"}
    environ = ours | {"PYTHONPATH": str(CHECKOUT)} | variables
    command = [sys.executable, "-m", "local.cluster", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=UP_SECONDS, env=environ, check=False)


def must(done: subprocess.CompletedProcess[str]) -> str:
    """What it said. Raises AssertionError when it failed."""
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@dataclass(frozen=True)
class Found:
    """How this machine was when the tests began, and is left."""

    up: bool
    kept: bool  # nothing ran, and there are data of an earlier cluster


@pytest.fixture(scope="session")
def found() -> Iterator[Found]:
    """This machine. What it lacks is said once for all tests."""
    layout = here()
    running = any(find(layout, name) for name in traces.NAMES)
    lacks = needs.find_lacks(layout, built=build.are_built(layout), fresh=not running)
    if lacks:
        pytest.skip(f"lacks {'; '.join(lack.what for lack in lacks)}")
    before = Found(find(layout, "kube-apiserver") is not None, not running and layout.data.exists())
    yield before
    if not before.up:
        must(run_cluster("down", *(["--keep"] if before.kept else [])))


@pytest.fixture(scope="session")
def kubectl(found: Found) -> Kubectl:
    """The cluster's administrator. There is a Kubernetes, and perhaps nothing more."""
    if not found.up:
        must(run_cluster("up", "--bare"))
    program = programs(here().cache, go_version()).path("kubectl")
    return Kubectl(str(program), here().kubeconfig, CONTEXT)


@pytest.fixture(scope="session")
def cluster(kubectl: Kubectl) -> Cluster:
    """Herold on the local cluster, from this checkout."""
    must(run_cluster("up"))
    return Cluster(kubectl)


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
