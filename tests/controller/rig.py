"""A platform whose operators speak to API and ledger through proxies, and where another replica always stands by."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from psycopg.conninfo import make_conninfo

from controller.platform import PLATFORM, Object, Operator, Platform, clean, named, world
from controller.test_workers import deployments
from herold.ledger.holds import active_holds
from herold.processes.embedded import EmbeddedServer
from parts.api_proxy import ApiProxy, api_proxy
from parts.kubernetes import Answer, wait_for
from parts.ledger_proxy import LedgerProxy, ledger_proxy
from parts.smtp_sink import SmtpSink, smtp_sink

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{PLATFORM}/leases/herold-operator"
PEOPLE = [f"person{number}@example.com" for number in range(5)]


@dataclass
class Rig:
    """A platform whose operators speak through proxies; one leads, another stands by."""

    platform: Platform
    api: ApiProxy
    ledger: LedgerProxy
    sink: SmtpSink
    kills: int = 0
    lives: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fill(self) -> None:
        """Two replicas run."""
        alive = [each for each in self.platform.operators if each.process.poll() is None]
        for _ in range(2 - len(alive)):
            self.platform.operator(lease_seconds="3", workers_idle="0", tick="0.2")

    def leader(self) -> Operator | None:
        """Whoever holds the Lease and lives."""
        with suppress(Answer):
            holder = self.platform.api.ask("GET", LEASE)["spec"].get("holderIdentity", "")
            for number, each in enumerate(self.platform.operators, 1):
                if holder == f"replica-{number}" and each.process.poll() is None:
                    return each
        return None

    def kill(self) -> None:
        """SIGKILL for the leader. Its Lease goes with it, so that nobody waits until it is over."""
        with self._lock:
            victim = self.leader()
            if victim is None:
                return
            victim.process.kill()
            victim.process.wait()
            self.kills += 1
            with suppress(Answer):
                self.platform.api.ask("DELETE", LEASE)
            self.fill()

    def live(self) -> Object:
        """A campaign from its apply to its end, with brakes on the way; the campaign."""
        self.lives += 1
        name = f"life-{self.lives}"
        resources = world(port=self.sink.port, campaign={"suspend": True, "repeatPolicy": "Allow"})
        campaign = named(resources[-1], name)
        platform = self.platform
        platform.apply(*resources[:-1], campaign)
        platform.wait_reason(campaign, "Planned", "AudienceFrozen", 90)
        platform.wait_reason(campaign, "Suspended", "SpecSuspend", 90)
        platform.api.merge(campaign, {"metadata": {"annotations": {"herold.dev/hold": "wrong price"}}})
        platform.wait_reason(campaign, "Suspended", "Held", 90)
        platform.api.merge(
            campaign, {"metadata": {"annotations": {"herold.dev/hold": None}}, "spec": {"suspend": False}}
        )
        platform.wait_reason(campaign, "Completed", "EverybodySettled", 90)
        for item in resources[:-1]:
            platform.wait_reason(item, "Valid", "Accepted", 90)
        platform.wait_reason(campaign, "Suspended", "NotSuspended", 90)
        return campaign

    def check(self, campaign: Object) -> None:
        """What must be so whatever was killed."""
        platform, name = self.platform, campaign["metadata"]["name"]
        runs = [run for run in platform.runs() if run.name == name]
        assert len(runs) == 1
        status = platform.status(campaign)
        assert (status["state"], status["run"]["id"]) == ("Completed", runs[0].run_id)
        assert (status["counts"]["sent"], status["counts"]["uncertain"]) == (5, 0)
        got = Counter(to for said, to in self.sink.accepted() if said.startswith(f"{name}-"))
        assert got == Counter(PEOPLE)
        assert active_holds(platform.connection) == []
        audit = platform.connection.execute(
            "SELECT count(*) FROM audit WHERE action = 'StartRun' AND (detail ->> 'run')::int = %s", (runs[0].run_id,)
        ).fetchall()
        assert audit == [(1,)]
        told = Counter(each["reason"] for each in platform.told(campaign))
        assert all(count == 1 for count in told.values()), told
        assert all(each["count"] == 1 for each in platform.told(campaign))
        wait_for("no worker", lambda: sum(each["spec"]["replicas"] for each in deployments(platform)) == 0, 60)
        assert len(deployments(platform)) <= 1

    def begin_anew(self) -> None:
        """Take the resources away; the ledger remembers."""
        alive = [each for each in self.platform.operators if each.process.poll() is None]
        for each in alive:
            each.process.send_signal(signal.SIGKILL)
            each.process.wait()
        clean(self.platform.api)
        self.platform.operators.clear()
        self.fill()
        wait_for("one to lead", self.leader, 60)


@contextmanager
def rig_on(platform: Platform, server: EmbeddedServer, folder: Path) -> Iterator[Rig]:
    """Everything runs but a worker."""
    with (
        smtp_sink(folder / "sink.log") as sink,
        api_proxy(platform.api) as api,
        ledger_proxy(str(server.socket / ".s.PGSQL.5432")) as ledger,
    ):
        platform.api_port = api.port
        platform.ledger_url = make_conninfo(platform.url, host="127.0.0.1", port=ledger.port, sslmode="disable")
        made = Rig(platform, api, ledger, sink)
        made.fill()
        wait_for("one to lead", made.leader, 60)
        yield made


@contextmanager
def running(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
