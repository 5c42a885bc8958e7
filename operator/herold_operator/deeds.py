"""What is written into the ledger for a campaign or a sender: each is one transaction on a thread of the ledger's."""

from __future__ import annotations

from herold.errors import NotFound
from herold.ledger.database import Connection
from herold.ledger.holds import hold_once, release
from herold.ledger.runs import Started, change_run, start_run
from herold.ledger.senders import sync_sender
from herold.resources.resolved import ResolvedCampaign
from herold.resources.sender import SenderProfile
from herold_operator.annotations import ACTOR, BY_STOP
from herold_operator.campaigns import Brakes
from herold_operator.ledger import RunView, read_run


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
        if brakes.stop is not None:
            change_run(connection, brakes.stop[0], "stop", actor=BY_STOP, reason=brakes.stop[1])


def start(connection: Connection, resolved: ResolvedCampaign, key: bytes) -> tuple[Started, RunView | None]:
    """Start the run, or find it; and how it stands. Raises Refused."""
    started = start_run(connection, resolved, key=key, actor=ACTOR)
    return started, read_run(connection, started.run_id)


def sync(connection: Connection, sender: SenderProfile) -> None:
    """The ledger follows the profile; nothing is written where nothing changed."""
    with connection.transaction():
        sync_sender(connection, sender)
