"""`herold worker`: the process that sends. A pod and `herold run` start the same."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

import click

from herold.cli.command import command


@command("worker", "herold worker --slots 4", "herold worker --sender campaigns-shared/shop-newsletter")
@click.option("--slots", type=click.IntRange(1, 64), default=2, show_default=True, help="Connections to relays.")
@click.option("--sender", "senders", multiple=True, metavar="[NAMESPACE/]NAME", help="Only this SenderProfile's mail.")
def worker(slots: int, senders: tuple[str, ...]) -> None:
    """Send what falls due, until SIGTERM.

    SIGTERM is the normal end: messages in hand are finished and recorded. A worker that is killed leaves its work to
    the others; what it had in hand is sent again only where it is certain that it did not go out.
    """
    # Until the worker listens itself: what was opened is closed again.
    signal.signal(signal.SIGTERM, _end)
    from herold.processes.ledger import open_ledger
    from herold.processes.sending import run_worker
    from herold.settings import read_settings

    settings = read_settings()
    wanted: frozenset[int] = frozenset()
    if senders:
        from herold.ledger.lookup import sender_id

        with open_ledger(settings) as ledger:
            wanted = frozenset(sender_id(ledger.connection, name) for name in senders)
    run_worker(settings, slots=slots, senders=wanted)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
