"""Workers as processes: one that runs here, and a fleet that is kept alive."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import uvloop

from herold.journal import Journal
from herold.processes.ledger import open_for_sending
from herold.settings import Settings
from herold.worker.figures import Figures
from herold.worker.worker import WorkerSettings, serve

STOP_SECONDS = 60.0
RESTART_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def run_worker(settings: Settings, journal: Journal, *, slots: int, senders: frozenset[int] = frozenset()) -> None:
    """Be a worker until SIGTERM. Raises Refused when a guard says no."""
    with open_for_sending(settings) as ledger:
        wanted = WorkerSettings(
            ledger.url, ledger.key, settings.secrets_dir, settings.evidence_dir, settings.fence_file, slots, senders
        )
        figures = Figures()
        # What is loaded now stays; what a window makes goes by reference count. Few cycles are ever made.
        gc.freeze()
        gc.set_threshold(100_000, 20, 100)
        # Inside: the embedded server stays for as long as somebody uses it.
        with _health(settings, figures), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(wanted, journal, figures))


@contextmanager
def _health(settings: Settings, figures: Figures) -> Iterator[None]:
    if not settings.worker_health_port:
        yield
        return
    from herold.worker.health import HealthServer

    server = HealthServer(figures, settings.evidence_dir, settings.worker_health_port)
    server.start()
    try:
        yield
    finally:
        server.stop()


@dataclass(slots=True)
class _Member:
    process: subprocess.Popen[bytes]
    started: float
    deaths: int = 0


@dataclass(slots=True)
class Fleet:
    """Worker processes of one machine. `keep` starts a new one for each that died."""

    command: list[str]
    environ: dict[str, str]
    log: IO[bytes]
    members: list[_Member] = field(default_factory=list)
    restarts: int = 0

    def start(self, count: int) -> None:
        for _ in range(count):
            self.members.append(_Member(self._spawn(), time.monotonic()))

    def pids(self) -> list[int]:
        return [member.process.pid for member in self.members]

    def keep(self) -> None:
        """Call it every now and then. A worker that dies again and again is restarted less and less often."""
        for member in self.members:
            if member.process.poll() is None:
                continue
            if time.monotonic() - member.started > 60:
                member.deaths = 0
            if time.monotonic() - member.started < RESTART_SECONDS[min(member.deaths, len(RESTART_SECONDS) - 1)]:
                continue
            member.process, member.started = self._spawn(), time.monotonic()
            member.deaths += 1
            self.restarts += 1

    def stop(self) -> None:
        """SIGTERM, the normal end; SIGKILL for whoever does not end within a minute."""
        for member in self.members:
            if member.process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    member.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for member in self.members:
            try:
                member.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                member.process.kill()
                member.process.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command, env=self.environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log
        )


@contextmanager
def fleet(settings: Settings, *, workers: int, slots: int, log: Path) -> Iterator[Fleet]:
    """Workers as processes of their own, stopped at the end."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HEROLD_")}
    # Each would want the port.
    for name, value in settings.model_dump(mode="json", exclude_none=True, exclude={"worker_health_port"}).items():
        environ[f"HEROLD_{name.upper()}"] = str(value)
    command = [sys.executable, "-m", "herold.cli", "worker", "--slots", str(slots)]
    with log.open("ab") as sink:
        crew = Fleet(command, environ, sink)
        try:
            crew.start(workers)
            yield crew
        finally:
            crew.stop()
