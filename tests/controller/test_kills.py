"""An operator that is killed between any two writes: one run, everybody once, nothing told twice, all said in the end.

Kills fall at writes as they are seen on the wire, before the server hears of one and after it did it: no hooks are
in the product. Another replica stands by each time.
"""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from controller.platform import PLATFORM, TEAM, Object, Operator, Platform, clean, world
from controller.test_workers import deployments
from herold.ledger.holds import active_holds
from herold.processes.embedded import EmbeddedServer
from parts.api_proxy import ApiProxy, Point, api_proxy
from parts.kubernetes import Answer, wait_for
from parts.ledger_proxy import LedgerProxy, ledger_proxy
from parts.smtp_sink import SmtpSink, smtp_sink

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{PLATFORM}/leases/herold-operator"
POINTS: tuple[Point, ...] = ("before", "answered")
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
        campaign = {**resources[-1], "metadata": {"name": name, "namespace": TEAM}}
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


@pytest.fixture
def rig(platform: Platform, postgres_server: EmbeddedServer, tmp_path: Path) -> Iterator[Rig]:
    """Everything runs; the worker does, all the time."""
    with (
        smtp_sink(tmp_path / "sink.log") as sink,
        api_proxy(platform.api) as api,
        ledger_proxy(str(postgres_server.socket / ".s.PGSQL.5432")) as ledger,
        running(platform.worker()),
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


@contextmanager
def killed_at_ledger_write(rig: Rig, point: Point, count: int) -> Iterator[None]:
    """The leader is killed at its `count`-th write to the ledger from now."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            with suppress(queue.Empty):
                stopped = rig.ledger.wait_hit(0.2)
                rig.kill()
                stopped.cut()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    rig.ledger.stop_at_write(point, count)
    try:
        yield
    finally:
        over.set()
        thread.join(30)


@pytest.mark.parametrize("point", POINTS)
def test_a_chain_of_operators_each_killed_at_its_first_write_carries_a_campaign_to_its_end(
    rig: Rig, point: Point
) -> None:
    # Each that is killed after its write was done leaves one write less to the next. One that is killed before it was
    # done leaves nothing: of those every second write is let through.
    every = 1 if point == "answered" else 2

    def again() -> None:
        rig.kill()
        rig.api.stop_at_soon(again, point, every)

    rig.api.stop_at(again, point, every)
    campaign = rig.live()
    rig.api.forget_stops()
    rig.check(campaign)
    print(f"\n{rig.kills} operators were killed")
    assert rig.kills >= 5


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS)
def test_an_operator_killed_at_any_write_to_the_api_changes_nothing_of_the_end(rig: Rig, point: Point) -> None:
    number = 0
    while True:
        number += 1
        kills = rig.kills
        rig.begin_anew()
        rig.api.stop_at(rig.kill, point, number)
        campaign = rig.live()
        rig.check(campaign)
        if rig.kills == kills:  # a life has no more writes than that
            break
    print(f"\nkilled {point} each of {number - 1} writes to the API")
    assert number > 15


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS)
def test_an_operator_killed_at_any_write_to_the_ledger_changes_nothing_of_the_end(rig: Rig, point: Point) -> None:
    number = 0
    while True:
        number += 1
        kills = rig.kills
        rig.begin_anew()
        with killed_at_ledger_write(rig, point, number):
            campaign = rig.live()
            rig.check(campaign)
        if rig.kills == kills:
            break
    print(f"\nkilled {point} each of {number - 1} writes to the ledger")
    assert number > 4
