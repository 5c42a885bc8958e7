"""Processes that outlive this program: kept in pid files, known again by pid *and* start time, never by a bare name."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from local.cluster.components import ENFORCER, Component
from local.cluster.layout import Layout

PROC = Path("/proc")
POLL = 0.05


@dataclass(frozen=True)
class Running:
    """A process at one moment: `started` is in clock ticks since boot, so that a reused pid is not mistaken for it."""

    pid: int
    started: int

    def alive(self) -> bool:
        """Whether this very process still runs (a zombie does not)."""
        return started_at(self.pid) == self.started


def started_at(pid: int) -> int | None:
    """Start of a process in clock ticks since boot (proc(5), field 22); None when there is none, or a zombie."""
    try:
        # The name, in brackets, may hold anything: fields are counted behind the last bracket.
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def pid_file(layout: Layout, name: str) -> Path:
    """Two numbers: pid and start."""
    return layout.run / f"{name}.pid"


def find(layout: Layout, name: str) -> Running | None:
    """The component's process, when it runs."""
    try:
        pid, started = (int(number) for number in pid_file(layout, name).read_text().split())
    except (FileNotFoundError, ValueError):
        return None
    running = Running(pid, started)
    return running if running.alive() else None


def start(layout: Layout, component: Component) -> Running:
    """Start it in a session of its own, unless it runs. Its output is appended to its log."""
    if running := find(layout, component.name):
        return running
    layout.logs.mkdir(parents=True, exist_ok=True)
    with (layout.logs / f"{component.name}.log").open("ab") as log:
        process = subprocess.Popen(
            component.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    running = Running(process.pid, started_at(process.pid) or 0)
    pid_file(layout, component.name).write_text(f"{running.pid} {running.started}\n")
    # It is meant to outlive us: nobody waits for it, and the interpreter must not complain about that.
    process.returncode = 0
    return running


def stop(processes: Iterable[Running], *, patience: float) -> None:
    """SIGTERM to all, SIGKILL to those that are there after `patience` seconds; ends when none is left."""
    left = [process for process in processes if process.alive()]
    for sent, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
        for process in left:
            _send(process, sent)
        end = time.monotonic() + seconds
        while left and time.monotonic() < end:
            time.sleep(POLL)
            left = [process for process in left if process.alive()]


def _send(process: Running, number: signal.Signals) -> None:
    if not process.alive():
        return
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return


def strays(layout: Layout, names: Iterable[str]) -> list[Running]:
    """Processes without a pid file that are ours all the same: a component or a shim whose arguments name our folder.

    An abort between start and pid file leaves such a one; containerd's shims never have a pid file.
    """
    ours = {*names, "containerd-shim-runc-v2"}
    found = []
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            argv = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if (Path(argv[0]).name in ours or ENFORCER in argv) and any(
            str(layout.state) + "/" in word for word in argv[1:]
        ):
            pid = int(folder.name)
            if (started := started_at(pid)) is not None:
                found.append(Running(pid, started))
    return found


def in_cgroup(folders: Iterable[Path]) -> list[Running]:
    """Processes in these control groups or below them: whatever pods left running."""
    pids: set[int] = set()
    for root in folders:
        # Groups vanish while they are read: `os.walk` passes over those, `rglob` does not.
        for folder, _, files in os.walk(root):
            if "cgroup.procs" not in files:
                continue
            try:
                pids.update(int(word) for word in (Path(folder) / "cgroup.procs").read_text().split())
            except OSError:
                continue
    return [Running(pid, started) for pid in sorted(pids) if (started := started_at(pid)) is not None]
