"""The node as a test harms it: components and the processes of pods are killed, stopped and started on the machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from local.cluster.components import build_components
from local.cluster.kubectl import Kubectl
from local.cluster.layout import here
from local.cluster.process import Running, find, start, started_at
from local.cluster.progress import wait_until
from local.cluster.tools import go_version, programs


def kill(name: str) -> None:
    """kill -9 for a component of the cluster."""
    victim = find(here(), name)
    assert victim is not None, f"{name} does not run"
    os.kill(victim.pid, signal.SIGKILL)
    wait_until(f"{name} is dead", lambda: not victim.alive(), seconds=10)


def bring_back(name: str) -> None:
    """Start a component, unless it runs."""
    layout = here()
    start(layout, build_components(layout, programs(layout.cache, go_version()))[name])


def processes_of(pod: str, word: str = "") -> list[Running]:
    """Processes in a pod, which is known by its uid, whose command line has the word; not the pause of its sandbox."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            cgroups, words = (folder / "cgroup").read_text(), (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:  # it has ended
            continue
        started = started_at(int(folder.name))
        if f"pod{pod}" in cgroups and word in words and not words.startswith("/pause") and started is not None:
            found.append(Running(int(folder.name), started))
    return found


def send(processes: list[Running], number: signal.Signals) -> None:
    """A signal to those that are still there: one may end because another did, just before it is sent."""
    for process in processes:
        if process.alive():
            with suppress(ProcessLookupError):
                os.kill(process.pid, number)


def lose(kubectl: Kubectl, namespace: str, name: str) -> None:
    """A pod as with its machine: kill -9 for every process of it, then the pod is deleted, without a word to it."""
    pod = kubectl.get("pod", name, "-n", namespace)
    assert pod is not None, name
    send(processes_of(pod["metadata"]["uid"]), signal.SIGKILL)
    kubectl("delete", "pod", name, "-n", namespace, "--force", "--grace-period=0", "--wait=false")


@contextmanager
def frozen(pod: str) -> Iterator[None]:
    """All processes of a pod stand still."""
    processes = processes_of(pod)
    assert processes
    send(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        send(processes, signal.SIGCONT)
