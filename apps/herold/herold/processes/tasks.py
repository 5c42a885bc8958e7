"""One task of the ledger, done by this process: whoever starts it (a Kubernetes Job, a person) is not known here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from herold.errors import Refused
from herold.ledger.database import Connection
from herold.ledger.installation import check_durability
from herold.ledger.runs import prepare_start, start_run
from herold.ledger.tasks import Outcome, Overtaken, Task, exclusively, finish_task, refusal, take_task, task_kind
from herold.processes.ledger import OpenLedger, open_ledger
from herold.settings import Settings

if TYPE_CHECKING:
    from dns.resolver import Resolver


def run_task(
    settings: Settings, task_id: int, turn: int | None = None, resolver: Resolver | None = None
) -> Outcome | None:
    """Do it and write its receipt, which is given back; None when nothing was left to do. `turn`: this one only.
    `resolver` is asked what DNS says; without it, the machine's own.

    Killed anywhere, the same call does what is left of it: the work and its receipt are one transaction. Raises
    NotFound, Refused (this process may not touch the ledger at all) and Temporary (call it again).
    """
    with open_ledger(settings) as ledger, exclusively(ledger.connection, task_id):
        if task_kind(ledger.connection, task_id) == "Build":
            check_durability(ledger.connection, settings)
        while (task := take_task(ledger.connection, task_id, turn)) is not None:
            try:
                return _build(ledger, task) if task.kind == "Build" else _look(ledger, task, settings, resolver)
            except Overtaken:
                continue  # what was built is gone; what is wanted now is looked up anew
    return None


def _build(ledger: OpenLedger, task: Task) -> Outcome:
    connection: Connection = ledger.connection
    prepare_start(connection, task.resolved)
    with connection.transaction():
        try:
            started = start_run(connection, task.resolved, key=ledger.key, actor=task.requested_by)
            outcome: Outcome = {"run": started.run_id, "planned": started.planned}
        except Refused as error:
            outcome = refusal(error)
        finish_task(connection, task, outcome)
    return outcome


def _look(ledger: OpenLedger, task: Task, settings: Settings, resolver: Resolver | None) -> Outcome:
    # Templates, TLS and keys: 0.3 s and 15 MB that an audience need not wait for.
    from herold.processes.preflight import look_ahead

    outcome = look_ahead(ledger, task.resolved, settings, resolver)
    with ledger.connection.transaction():
        finish_task(ledger.connection, task, outcome)
    return outcome
