"""Workers of this machine on one run, until it closes or somebody interrupts."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psycopg

from herold.cli.output import note
from herold.cli.progress import Progress
from herold.errors import InvalidInput, Refused, Temporary
from herold.ledger.counts import RunStatus, run_status
from herold.ledger.database import Connection, connect
from herold.ledger.lookup import regressed
from herold.processes.sending import Fleet, fleet
from herold.settings import Settings

LOOK_SECONDS = 0.3
_STEP_SECONDS = 0.05
# With these a worker says that it must not, or can't: another one would say the same.
_FINAL_CODES = frozenset({InvalidInput.exit_code, Refused.exit_code})


@dataclass(slots=True)
class Interrupt:
    """True once somebody asked to end."""

    asked: bool = False


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """SIGINT and SIGTERM set the flag instead of ending the process, however often they come."""
    interrupt = Interrupt()

    def ask(number: int, frame: FrameType | None) -> None:
        interrupt.asked = True

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers of this machine, and where what they say is written."""

    fleet: Fleet
    url: str
    log: Path


@contextmanager
def crew(settings: Settings, url: str, *, workers: int, slots: int) -> Iterator[Crew]:
    """Workers for as long as the block lasts; in the end they finish what they have in hand."""
    log = settings.state_dir / "worker.log"
    with fleet(settings, workers=workers, slots=slots, log=log) as members:
        yield Crew(members, url, log)


def follow(crew: Crew, run_id: int, interrupt: Interrupt, *, until: float = math.inf) -> None:
    """Show how far a run is, and keep its workers alive, until it closes, somebody interrupts, or it is `until`
    (monotonic).

    Raises Refused when workers must not send (LedgerRegressed, WorkerRefused).
    """
    with _Watch(crew.url, run_id) as watch, Progress() as progress:
        while not interrupt.asked:
            run = watch.look()
            if run is None:
                progress.away(time.monotonic())
            else:
                progress.show(run, time.monotonic())
                if run.state == "Closed":
                    return
            if time.monotonic() >= until:
                return
            _check(crew)
            crew.fleet.keep()
            _sleep(interrupt)
    note("interrupted: workers finish what they have in hand")


def how_it_stands(url: str, run_id: int) -> RunStatus:
    """A run once its workers have ended. Raises Temporary."""
    with connect(url) as connection:
        return run_status(connection, [run_id])[0]


def _sleep(interrupt: Interrupt) -> None:
    until = time.monotonic() + LOOK_SECONDS
    while not interrupt.asked and time.monotonic() < until:
        time.sleep(_STEP_SECONDS)


def _check(crew: Crew) -> None:
    for member in crew.fleet.members:
        code = member.process.poll()
        if code in _FINAL_CODES:
            raise Refused("WorkerRefused", f"a worker ended with code {code}", hint=f"its words stand in {crew.log}")


class _Watch:
    """A connection that comes back when the ledger does."""

    def __init__(self, url: str, run_id: int) -> None:
        self._url = url
        self._run_id = run_id
        self._connection: Connection | None = None

    def __enter__(self) -> _Watch:
        return self

    def __exit__(self, *error: object) -> None:
        self._drop()

    def look(self) -> RunStatus | None:
        """None when the ledger does not answer. Raises Refused when it went backwards."""
        try:
            if self._connection is None:
                self._connection = connect(self._url)
            why = regressed(self._connection)
            run = run_status(self._connection, [self._run_id])[0]
        except (psycopg.OperationalError, Temporary):
            self._drop()
            return None
        if why is not None:
            raise Refused("LedgerRegressed", f"the ledger went backwards: {why}", hint="see: herold ledger check")
        return run

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
