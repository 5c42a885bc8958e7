"""The campaign while it is sent: progress, and the worker that is killed in the middle."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from herold.errors import HeroldError
from herold.ledger.counts import RunStatus, run_status
from herold.ledger.database import Connection, one
from herold.processes.sending import Fleet

KILL_AT = 1 / 3
_LOOK_SECONDS, _TELL_SECONDS = 0.1, 2.0
# A window is open for some milliseconds: the kill waits for one worth it, then for any, but not for ever.
_HUNT_SECONDS, _WORTH = 2.0, 40
_SLOWEST = 5.0  # messages a second; slower than that something is wrong
_RESTARTS = 5
_BAR = 24


@dataclass(slots=True)
class Killed:
    """A worker that was killed, and the messages that it had in hand."""

    run_id: int
    pid: int
    positions: list[int]
    taken: bool = False

    def is_taken(self, connection: Connection) -> bool:
        """Another worker has taken its lease."""
        row = one(connection, "SELECT count(*) FROM worker WHERE pid = %s AND epoch > 1", (self.pid,))
        return bool(row[0])

    def settled(self, connection: Connection) -> str:
        """What became of what it had in hand."""
        row = one(
            connection,
            """SELECT count(*) FILTER (WHERE detail = 'FromEvidence'), count(*) FILTER (WHERE kind = 'uncertain'),
                      count(*) FILTER (WHERE kind = 'sent' AND detail IS DISTINCT FROM 'FromEvidence')
               FROM outcome WHERE run_id = %s AND position = ANY (%s) AND kind <> 'deferred'""",
            (self.run_id, self.positions),
        )
        parts = ((row[0], "accepted (its evidence says so)"), (row[2], "sent by others"), (row[1], "uncertain"))
        return f"{messages(len(self.positions))}: " + ", ".join(f"{count} {what}" for count, what in parts)


@dataclass(slots=True)
class Sending:
    """One run on its way, `planned` messages in all."""

    run_id: int
    planned: int
    killed: Killed | None = None


def watch(
    connection: Connection,
    crew: Fleet,
    sending: Sending,
    *,
    say: Callable[[str], None],
    shield: Callable[[], AbstractContextManager[None]],
) -> None:
    """Until the run has closed. After a third of it one worker is killed; the fleet starts another.

    Raises HeroldError when it does not get on.
    """
    began = told_at = time.monotonic()
    told_sent = run_status(connection, [sending.run_id])[0].sent
    while True:
        status = run_status(connection, [sending.run_id])[0]
        now = time.monotonic()
        # First: what was taken over may be all that was left, and the run be closed by now.
        if sending.killed is not None and not sending.killed.taken and sending.killed.is_taken(connection):
            sending.killed.taken = True
            say(f"others took over from {sending.killed.pid}; now {' and '.join(map(str, crew.pids()))} work")
        if status.state == "Closed":
            say(_progress(status, 0.0))
            return
        if sending.killed is None and status.sent >= sending.planned * KILL_AT:
            sending.killed = _kill(connection, crew, sending.run_id)
            say(f"kill -9 {sending.killed.pid}: a worker with {messages(len(sending.killed.positions))} in hand")
        if now - told_at >= _TELL_SECONDS:
            say(_progress(status, (status.sent - told_sent) / (now - told_at)))
            told_at, told_sent = now, status.sent
        with shield():
            crew.keep()
        _check_pace(crew, sending, now - began)
        time.sleep(_LOOK_SECONDS)


def _kill(connection: Connection, crew: Fleet, run_id: int) -> Killed:
    """The one that has most in hand, as soon as there is one."""
    began = time.monotonic()
    pid = crew.pids()[0]
    while (hunted := time.monotonic() - began) < _HUNT_SECONDS:
        row = connection.execute(
            """SELECT w.pid FROM send_window s JOIN worker w ON w.id = s.worker_id
               WHERE s.run_id = %s AND w.pid = ANY (%s) AND w.ended_at IS NULL
               GROUP BY w.pid HAVING sum(cardinality(s.positions)) >= %s
               ORDER BY sum(cardinality(s.positions)) DESC LIMIT 1""",
            (run_id, crew.pids(), _WORTH if hunted < _HUNT_SECONDS / 2 else 1),
        ).fetchone()
        if row is not None:
            pid = int(row[0])
            break
    os.kill(pid, signal.SIGKILL)
    rows = connection.execute(
        "SELECT unnest(s.positions) FROM send_window s JOIN worker w ON w.id = s.worker_id WHERE w.pid = %s", (pid,)
    )
    return Killed(run_id, pid, [row[0] for row in rows])


def _check_pace(crew: Fleet, sending: Sending, seconds: float) -> None:
    if crew.restarts > _RESTARTS:
        raise HeroldError("workers end again and again", hint=f"they say why in {crew.log.name}")
    if seconds > 60 + sending.planned / _SLOWEST:
        raise HeroldError("the campaign does not get on", hint=f"the workers may say why in {crew.log.name}")


def messages(count: int) -> str:
    """`1 message`, `1,200 messages`."""
    return "1 message" if count == 1 else f"{count:,} messages"


def _progress(status: RunStatus, per_second: float) -> str:
    done = 1 - status.waiting / max(status.planned, 1)
    bar = "█" * round(_BAR * done)
    text = f"{bar:·<{_BAR}} {status.sent:>7,} of {status.planned:,} sent"
    if per_second:
        text += f"  {per_second:>4,.0f} a second  {status.waiting / per_second:>3.0f} s left"
    if status.deferred:
        text += f"  {status.deferred} put off"
    return text + (f"  {status.uncertain} uncertain" if status.uncertain else "")
