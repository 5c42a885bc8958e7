"""`herold worker`: the process that sends. A pod and `herold run` start the same."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from herold.cli.command import command
from herold.errors import HeroldError, Temporary

if TYPE_CHECKING:
    from herold.journal import Journal


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
    from herold.journal import Journal
    from herold.processes.ledger import open_ledger
    from herold.processes.sending import run_worker
    from herold.settings import read_settings

    settings = read_settings()
    journal = Journal("worker", settings.log_level)
    journal.take_over()
    with _last_words(journal):
        wanted: frozenset[int] = frozenset()
        if senders:
            from herold.ledger.lookup import sender_id

            with open_ledger(settings) as ledger:
                wanted = frozenset(sender_id(ledger.connection, name) for name in senders)
        run_worker(settings, journal, slots=slots, senders=wanted)


@contextmanager
def _last_words(journal: Journal) -> Iterator[None]:
    """Why it ends, as a line like all others: what collects logs reads nothing else."""
    import psycopg

    from herold.journal import place_of

    try:
        yield
    except HeroldError as error:
        journal.write("error", "ended", error=type(error).__name__, message=str(error)[:500])
        raise click.exceptions.Exit(error.exit_code) from None
    except psycopg.OperationalError as error:
        journal.write("error", "ended", error=type(error).__name__, message="the ledger did not answer")
        raise click.exceptions.Exit(Temporary.exit_code) from None
    except Exception as error:
        journal.write("error", "ended", error=type(error).__name__, where=place_of(error))
        raise click.exceptions.Exit(HeroldError.exit_code) from None


def _end(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
