"""The demonstration: a campaign to 23,570 customers, a worker killed in the middle, and what the relay's log says.

Everything happens on this machine: an embedded PostgreSQL, a relay that keeps all it is given, two workers. At the end
none of them is left, only the pages in the output folder.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from herold.demo.inbox import inbox_page, read_letters
from herold.demo.interrupts import Interrupts
from herold.demo.loading import load
from herold.demo.people import expected_recipients, people
from herold.demo.relay import relay
from herold.demo.sending import Sending, watch
from herold.demo.verdict import Verdict, accepted_recipients, judge
from herold.demo.world import World, read_world, write_secrets
from herold.errors import HeroldError
from herold.ledger.database import Connection, one
from herold.ledger.runs import start_run
from herold.planning.html import as_html as plan_page
from herold.planning.make import make_plan
from herold.planning.words import headline as plan_headline
from herold.processes.ledger import OpenLedger, open_ledger
from herold.processes.sending import fleet
from herold.report import as_html, headline, make_report
from herold.resources.resolved import ResolvedCampaign
from herold.settings import Settings

WORKERS, SLOTS = 2, 2
SEED = 1
FAULTS = ("451:0.01",)  # one recipient's server in a hundred asks to try later, as servers do
_LONGEST_FOLDER = 60  # a Unix socket's path holds about 100 characters

Echo = Callable[[str], None]


def run_demo(output: Path, *, echo: Echo, customers: int | None = None, rate: int = 800) -> int:
    """Run it, write pages into `output`, tell each step by `echo`, one line a call. `customers`: None is all of them.

    0 when nobody was forgotten and nobody got it twice, by the relay's own log; else 1. Raises HeroldError, and
    KeyboardInterrupt after everything was stopped.
    """
    interrupts = Interrupts()
    with interrupts.listening(), ExitStack() as stack:
        pages = Pages.of(output)
        with interrupts.shield():
            state = stack.enter_context(_folder())
        demo = _Demo(interrupts, stack, pages, state, echo)
        verdict = demo.run(customers, rate)
    demo.end(verdict)
    for name, path in pages.told():
        echo(f"  {name:<10}{path}")
    echo(str(verdict))
    return 0 if verdict.good else 1


@dataclass(frozen=True, slots=True)
class Pages:
    """What is left when it is over."""

    plan: Path
    win_back: Path
    report: Path
    inbox: Path
    accepted: Path
    workers: Path

    @classmethod
    def of(cls, folder: Path) -> Pages:
        """In `folder`, which is made; what an earlier demonstration left there goes. Raises HeroldError."""
        folder = folder.resolve()
        names = ("plan.html", "plan-win-back.html", "report.html", "inbox.html", "relay.log", "workers.log")
        pages = cls(*(folder / name for name in names))
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in names:
                (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise HeroldError(f"{folder} can't be written: {error.strerror}", hint="name another folder") from None
        return pages

    def told(self) -> list[tuple[str, Path]]:
        """Names and paths for people."""
        return [
            ("plan", self.plan),
            ("win-back", self.win_back),
            ("report", self.report),
            ("inbox", self.inbox),
            ("relay log", self.accepted),
            ("workers", self.workers),
        ]


class _Demo:
    """One demonstration, stage after stage; each tells how long it took."""

    def __init__(self, interrupts: Interrupts, stack: ExitStack, pages: Pages, state: Path, echo: Echo) -> None:
        self._interrupts = interrupts
        self._stack = stack
        self._pages = pages
        self._state = state
        self._echo = echo
        self._since = self._began = time.monotonic()
        self._settings = Settings(state_dir=state, secrets_dir=state / "secrets", installation="demo")

    def run(self, customers: int | None, rate: int) -> Verdict:
        mailbox = self._state / "mailbox"
        with self._interrupts.shield():
            port = self._stack.enter_context(relay(self._pages.accepted, mailbox, faults=FAULTS))
        now = datetime.now().astimezone()
        world = read_world(shared_namespace=self._settings.shared_namespace, now=now, port=port, rate=rate)
        write_secrets(self._state / "secrets", world, secrets.token_hex(32))
        with self._interrupts.shield():
            ledger = self._stack.enter_context(open_ledger(self._settings))
        version = one(ledger.connection, "SHOW server_version")[0]
        self._tell(f"PostgreSQL {version.split()[0]}, and a relay that keeps what it is given on port {port}")

        at: datetime = one(ledger.connection, "SELECT now()")[0]
        everybody = list(people(customers=customers, seed=SEED, now=at))
        expected = expected_recipients(everybody)
        loaded = load(ledger.connection, ledger.key, everybody, now=at)
        self._tell(f"{loaded.contacts:,} customers with {loaded.purchases:,} purchases and {loaded.events:,} events")

        told = self._plan(ledger, world.sent, self._pages.plan)
        self._tell(f"Plan of {world.sent.name}: {told}")

        sending = self._send(ledger, world)
        uncertain = self._settle(ledger, sending, mailbox)
        return judge(expected, accepted_recipients(self._pages.accepted), uncertain)

    def end(self, verdict: Verdict) -> None:
        """After everything was stopped: what the relay says."""
        self._tell(f"Stopped; nothing is left running. All of it took {time.monotonic() - self._began:.0f} s")
        self._echo("")
        self._echo(
            f"The relay's own log: {verdict.accepted:,} messages accepted. "
            f"The generator's own list: {verdict.expected:,} people to reach."
        )
        if verdict.uncertain:
            self._echo(f"Told as possibly not reached: {verdict.uncertain}, of whom {verdict.arrived} did get it.")
        if verdict.strangers:
            self._echo(f"{verdict.strangers} people got it who should not.")

    def _send(self, ledger: OpenLedger, world: World) -> Sending:
        started = start_run(ledger.connection, world.sent, key=ledger.key, actor="demo", at_once=True)
        left = ", ".join(f"{reason} {count:,}" for reason, count in sorted(started.left_out.items()))
        self._tell(f"Started: {started.planned:,} messages to send; left out: {left or 'nobody'}")
        sending = Sending(started.run_id, started.planned)
        with ExitStack() as crew_stack:
            with self._interrupts.shield():
                crew = crew_stack.enter_context(
                    fleet(self._settings, workers=WORKERS, slots=SLOTS, log=self._pages.workers)
                )
            self._say(f"{WORKERS} workers: {' and '.join(map(str, crew.pids()))}")
            told = self._plan(ledger, world.planned, self._pages.win_back)
            self._say(f"Plan of {world.planned.name} (planned only): {told}")
            watch(ledger.connection, crew, sending, say=self._say, shield=self._interrupts.shield)
        self._tell(f"Sent and closed; {crew.restarts} worker started anew, none is left")
        return sending

    def _settle(self, ledger: OpenLedger, sending: Sending, mailbox: Path) -> set[str]:
        report = make_report(ledger.connection, sending.run_id)
        self._pages.report.write_text(as_html(report), encoding="utf-8")
        self._tell(f"Report: {headline(report)}")
        if sending.killed is not None:
            self._say(f"what worker {sending.killed.pid} had in hand: {sending.killed.settled(ledger.connection)}")
        letters = read_letters(mailbox)
        self._pages.inbox.write_text(inbox_page(letters, total=report.outcomes.sent), encoding="utf-8")
        self._tell(f"Inbox: {len(letters)} messages to open, in {len({each.locale for each in letters})} languages")
        return _uncertain(ledger.connection, sending.run_id)

    def _plan(self, ledger: OpenLedger, resolved: ResolvedCampaign, page: Path) -> str:
        now: datetime = one(ledger.connection, "SELECT now()")[0]
        plan = make_plan(ledger.connection, resolved, key=ledger.key, now=now)
        page.write_text(plan_page(plan), encoding="utf-8")
        return plan_headline(plan)

    def _tell(self, text: str) -> None:
        now = time.monotonic()
        self._echo(f"{now - self._since:5.1f} s  {text}")
        self._since = now

    def _say(self, text: str) -> None:
        self._echo(f"         {text}")


def _uncertain(connection: Connection, run_id: int) -> set[str]:
    rows = connection.execute(
        """SELECT e.address FROM outcome o JOIN delivery d ON d.run_id = o.run_id AND d.position = o.position
           JOIN endpoint e ON e.contact_id = d.contact_id WHERE o.run_id = %s AND o.kind = 'uncertain'""",
        (run_id,),
    )
    return {row[0] for row in rows}


@contextmanager
def _folder() -> Iterator[Path]:
    """A short-lived folder with a short path that PostgreSQL's own user can enter."""
    base = tempfile.gettempdir()
    made = Path(tempfile.mkdtemp(prefix="herold-demo-", dir=base if len(base) < _LONGEST_FOLDER else "/tmp"))  # noqa: S108
    if os.geteuid() == 0:
        made.chmod(0o755)  # PostgreSQL does not run as root
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
