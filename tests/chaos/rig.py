"""A world in which things die: a ledger, a sink with its own log, people, and workers that are processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from chaos.oracle import Verdict, accepted_by, judge, reported_by
from herold.audience.addresses import address_hash
from herold.ledger.counts import RunStatus, run_status
from herold.ledger.database import Connection, connect
from herold.ledger.installation import adopt, read_key
from herold.ledger.runs import start_run
from herold.processes.embedded import EmbeddedServer, embedded
from herold.processes.ledger import open_ledger
from herold.resources.resolved import ResolvedCampaign
from herold.settings import Settings
from parts.campaigns import small_campaign
from parts.smtp_sink import SmtpSink, smtp_sink

DEADLINE = 60.0
NAMESPACE = "campaigns-shop"


def wait_until(true: Callable[[], object], what: str, seconds: float = DEADLINE, every: float = 0.02) -> None:
    """Ask again and again. Raises TimeoutError that says what did not come."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(every)


@dataclass(slots=True)
class Rig:
    """Use `rig` or `rig_on`. `url` is where this process reaches the ledger; workers may go another way (a proxy)."""

    state: Path
    settings: Settings
    url: str
    key: bytes = field(repr=False)
    connection: Connection
    sink: SmtpSink
    server: EmbeddedServer | None
    addresses: list[str] = field(default_factory=list, repr=False)
    crew: list[subprocess.Popen[bytes]] = field(default_factory=list)

    # People and campaigns

    def add_people(self, count: int, domain: str = "mail.example") -> list[str]:
        """`user1@…` and so on, consented; known to the generator in this order. By COPY: a million takes seconds."""
        first = len(self.addresses) + 1
        numbers = range(first, first + count)
        added = [f"user{number}@{domain}" for number in numbers]
        with self.connection.transaction(), self.connection.cursor() as cursor:
            with cursor.copy("COPY contact (id, external_id, locale, attributes) FROM STDIN") as copy:
                for number in numbers:
                    copy.write_row((number, f"c{number}", "en", "{}"))
            with cursor.copy("COPY endpoint (contact_id, channel, address, address_hash, domain) FROM STDIN") as copy:
                for number, address in zip(numbers, added, strict=True):
                    copy.write_row((number, "Email", address, address_hash(self.key, address), domain))
            cursor.execute(
                "INSERT INTO consent_subject (brand, topic, channel) VALUES ('shop', 'offers', 'Email') "
                "ON CONFLICT DO NOTHING"
            )
            cursor.execute(
                "INSERT INTO consent (contact_id, subject, granted, at, source) "
                "SELECT n, (SELECT id FROM consent_subject LIMIT 1), true, now(), 'test' "
                "FROM generate_series(%s::bigint, %s) n",
                (first, first + count - 1),
            )
        self.connection.execute("ANALYZE")
        self.addresses += added
        return added

    def campaign(self, name: str = "hello", **changes: Any) -> ResolvedCampaign:
        """A campaign to everybody, over the sink; see `small_campaign`."""
        return small_campaign(name=name, port=self.sink.port, **changes)

    def start(self, resolved: ResolvedCampaign, *, at_once: bool = True) -> int:
        """Start a run; its id."""
        return start_run(self.connection, resolved, key=self.key, actor="test", at_once=at_once).run_id

    def status(self, run_id: int) -> RunStatus:
        return run_status(self.connection, [run_id])[0]

    def reconnect(self) -> None:
        """After the server went away under this process's own connection."""
        self.connection.close()
        self.connection = connect(self.url)

    # Workers

    def worker(self, *, slots: int = 1, **settings: str) -> subprocess.Popen[bytes]:
        """Start one as a process. `settings` replace those of the rig (`database_url=…`)."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HEROLD_")}
        values = self.settings.model_dump(mode="json", exclude_none=True) | settings
        environ |= {f"HEROLD_{name.upper()}": str(value) for name, value in values.items()}
        command = [sys.executable, "-m", "herold.cli", "worker", "--slots", str(slots)]
        with self.worker_log.open("ab") as log:
            process = subprocess.Popen(
                command, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log
            )
        self.crew.append(process)
        return process

    @property
    def worker_log(self) -> Path:
        return self.state / "workers.log"

    def said(self) -> str:
        """What all workers wrote."""
        return self.worker_log.read_text() if self.worker_log.exists() else ""

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """kill -9, and wait until it is gone."""
        process.kill()
        process.wait()
        self.crew.remove(process)

    def terminate(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM, the normal end; its exit code."""
        process.send_signal(signal.SIGTERM)
        code = process.wait(DEADLINE)
        self.crew.remove(process)
        return code

    def holder(self, run_id: int) -> subprocess.Popen[bytes]:
        """The worker that holds a window of this run. Waits for one."""
        found: list[subprocess.Popen[bytes]] = []

        def look() -> bool:
            rows = self.connection.execute(
                "SELECT w.pid FROM send_window s JOIN worker w ON w.id = s.worker_id WHERE s.run_id = %s", (run_id,)
            )
            pids = {row[0] for row in rows}
            found[:] = [process for process in self.crew if process.pid in pids]
            return bool(found)

        wait_until(look, "a worker holds a window")
        return found[0]

    def wait_registered(self, count: int) -> None:
        """Until so many workers of this rig have a lease."""

        def ready() -> bool:
            rows = self.connection.execute("SELECT pid FROM worker WHERE ended_at IS NULL")
            return len({row[0] for row in rows} & {process.pid for process in self.crew}) >= count

        wait_until(ready, f"{count} workers have registered")

    # The end

    def accepted(self, name: str = "hello", occurrence: int = 1) -> list[str]:
        """Recipients in the sink's log."""
        return accepted_by(self.sink.log, f"{name}-{occurrence}:{NAMESPACE}")

    def wait_accepted(self, count: int, seconds: float = DEADLINE) -> None:
        """Until the sink has taken so many messages in all."""
        wait_until(lambda: self.sink.control.counts()["accepted"] >= count, f"{count} accepted", seconds, every=0.01)

    def wait_closed(self, run_id: int, seconds: float = DEADLINE) -> RunStatus:
        """Until the run is closed."""
        try:
            wait_until(lambda: self.status(run_id).state == "Closed", f"run {run_id} is closed", seconds)
        except TimeoutError as error:
            raise TimeoutError(f"{error}; {self.status(run_id)}\n{self.said()[-3000:]}") from None
        return self.status(run_id)

    def verdict(self, run_id: int, name: str = "hello", expected: list[str] | None = None) -> Verdict:
        """The sink's log against the generator's list."""
        wanted = self.addresses if expected is None else expected
        return judge(wanted, self.accepted(name), reported_by(self.connection, run_id))

    def close(self) -> None:
        """Leave nothing behind."""
        for process in self.crew:
            process.kill()
            process.wait()
        self.connection.close()


@contextmanager
def rig(people: int = 0, *, sink: tuple[str, ...] = (), config: str = "") -> Iterator[Rig]:
    """With an embedded server of its own, as one machine has it; `config` is added to its postgresql.conf."""
    state = _folder()
    try:
        settings = Settings(state_dir=state)
        with smtp_sink(state / "sink.log", *sink) as relay, embedded(state / "postgresql") as server:
            if config:
                with (server.data / "postgresql.conf").open("a") as file:
                    file.write(config + "\n")
                server.stop()
                server.start()
            with open_ledger(settings) as ledger:
                made = Rig(state, settings, ledger.url, ledger.key, ledger.connection, relay, server)
                yield from _use(made, people)
            with suppress(psycopg.OperationalError):
                made.connection.close()
    finally:
        shutil.rmtree(state, ignore_errors=True)


@contextmanager
def rig_on(url: str, people: int = 0, *, sink: tuple[str, ...] = ()) -> Iterator[Rig]:
    """On a database that is there: of a test's own, but on a server that tests share."""
    state = _folder()
    try:
        settings = Settings(state_dir=state, database_url=url, single_node=True)
        with smtp_sink(state / "sink.log", *sink) as relay:
            key = read_key(settings)
            connection = connect(url)
            adopt(connection, settings, key)
            yield from _use(Rig(state, settings, url, key, connection, relay, None), people)
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _folder() -> Path:
    state = Path(tempfile.mkdtemp(prefix="chaos-", dir="/tmp"))  # short: sockets have 100 characters
    state.chmod(0o755)  # the server may run as another user than we do
    return state


def _use(made: Rig, people: int) -> Iterator[Rig]:
    try:
        if people:
            made.add_people(people)
        yield made
    finally:
        made.close()
