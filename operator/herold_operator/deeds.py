"""What is written into the ledger for a campaign or a sender: each is one transaction on a thread of the ledger's."""

from __future__ import annotations

from herold.errors import NotFound
from herold.journal import Journal
from herold.ledger.database import Connection
from herold.ledger.holds import hold_once, release
from herold.ledger.intent import Started, known_run
from herold.ledger.runs import audit, change_run
from herold.ledger.senders import sync_sender
from herold.ledger.tasks import TaskKind, request_task, suspend_task, withdraw_tasks
from herold.resources.approving import Approval, Approved, written_digest
from herold.resources.resolved import ResolvedCampaign
from herold.resources.sender import SenderProfile
from herold_operator.annotations import ACTOR, BY_STOP
from herold_operator.brakes import Brakes
from herold_operator.ledger import Ledger
from herold_operator.reading import read_run, read_task
from herold_operator.snapshot import RunView
from herold_operator.tasks import TaskView


async def brake(
    ledger: Ledger, journal: Journal, namespace: str, name: str, run: RunView | None, brakes: Brakes
) -> None:
    """Put brakes on and off, and log that. `name` as the ledger has it."""
    campaign = f"{namespace}/{name}"
    await ledger.call(lambda connection: apply_brakes(connection, campaign, run, brakes))
    journal.write(
        "info",
        "brakes",
        campaign=campaign,
        held=len(brakes.hold),
        released=len(brakes.release),
        suspend=brakes.suspend,
        stop=brakes.stop[0] if brakes.stop else None,
    )


def apply_brakes(connection: Connection, campaign: str, run: RunView | None, brakes: Brakes) -> None:
    """Put brakes on and off. `campaign` is namespace/name as the ledger has it."""
    with connection.transaction():
        for actor, reason in brakes.hold:
            hold_once(connection, "Campaign", campaign, reason=reason, actor=actor)
        for each in brakes.release:
            try:
                release(connection, each, actor=ACTOR)
            except NotFound:
                continue  # somebody was faster
        if brakes.suspend is not None and run is not None:
            change_run(connection, run.id, "suspend" if brakes.suspend else "resume", actor=ACTOR)
        if brakes.suspend_task is not None:
            who, suspended = brakes.suspend_task
            if not suspend_task(connection, who, suspended=suspended):
                # It was finished at this very moment.
                connection.execute(
                    "UPDATE run SET suspended = %s WHERE (namespace, name, occurrence) = (%s, %s, %s) "
                    "AND state = 'Open' AND suspended <> %s",
                    (suspended, *who, suspended),
                )
        if brakes.stop is not None:
            change_run(connection, brakes.stop[0], "stop", actor=BY_STOP, reason=brakes.stop[1])


def ask(connection: Connection, resolved: ResolvedCampaign) -> tuple[Started, RunView] | None:
    """What the ledger makes of an edit of a campaign that has a run, and how that stands. Raises Refused."""
    with connection.transaction():
        known = known_run(connection, resolved)
        run = read_run(connection, known.run_id) if known is not None else None
    return (known, run) if known is not None and run is not None else None


def request_build(connection: Connection, resolved: ResolvedCampaign, approval: Approval) -> TaskView | RunView:
    """Ask for the audience of a run; the run, when there is one already. Whose word let it is audited with it.

    Raises Refused.
    """
    with connection.transaction():
        known = known_run(connection, resolved)
        run = read_run(connection, known.run_id) if known is not None else None
        if run is not None:
            return run
        # Here, so that no other waits for the row while a great audience is built.
        sync_sender(connection, resolved.sender)
        task, _ = request_task(connection, "Build", resolved, digest=resolved.intent_digest(), actor=ACTOR)
        if isinstance(approval, Approved):
            spec = resolved.campaign.spec
            detail = {"approval": approval.by, "digest": written_digest(resolved), "most": spec.audience.max_recipients}
            audit(connection, ACTOR, "StartApproved", f"{resolved.name}#{spec.occurrence}", detail)
        return read_task(connection, task)


def request_preflight(connection: Connection, resolved: ResolvedCampaign, digest: str) -> TaskView:
    """Ask what would go wrong at its time."""
    with connection.transaction():
        task, _ = request_task(connection, "Preflight", resolved, digest=digest, actor=ACTOR)
        return read_task(connection, task)


def withdraw(connection: Connection, namespace: str, name: str, *kinds: TaskKind) -> None:
    """Nobody wants what was asked for any more. `name` as the ledger has it."""
    withdraw_tasks(connection, namespace, name, kinds)


def sync(connection: Connection, sender: SenderProfile) -> None:
    """The ledger follows the profile; nothing is written where nothing changed."""
    with connection.transaction():
        sync_sender(connection, sender)
