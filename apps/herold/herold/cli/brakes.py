"""`herold suspend`, `resume`, `stop`: what a person decides about one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from herold.cli.command import command, confirm, with_actor, with_run, with_yes

if TYPE_CHECKING:
    from herold.ledger.runs import Change


@command("suspend", "herold suspend campaigns-shop/spring-sale")
@with_run
@with_actor
def suspend(campaign: str | None, run_id: int | None, actor: str) -> None:
    """Pause a run, until `herold resume`. Acts within two seconds.

    A campaign that is applied from Git is paused there, by `suspend: true`; use `herold hold` for a brake that Git
    does not undo.
    """
    _change(campaign, run_id, "suspend", actor, yes=True)


@command("resume", "herold resume campaigns-shop/spring-sale")
@with_run
@with_actor
def resume(campaign: str | None, run_id: int | None, actor: str) -> None:
    """Let a suspended run go on where it was."""
    _change(campaign, run_id, "resume", actor, yes=True)


@command("stop", "herold stop campaigns-shop/spring-sale", "herold stop --run 35000001 --yes")
@with_run
@with_actor
@with_yes
def stop(campaign: str | None, run_id: int | None, actor: str, *, yes: bool) -> None:
    """End a run for good. Who has not got the message yet does not get it; this can't be undone."""
    _change(campaign, run_id, "stop", actor, yes=yes)


def _change(campaign: str | None, run_id: int | None, change: Change, actor: str, *, yes: bool) -> None:
    from herold.ledger.counts import run_status
    from herold.ledger.lookup import find_run
    from herold.ledger.runs import change_run
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    with open_ledger(read_settings()) as ledger:
        found = find_run(ledger.connection, campaign, run_id)
        run = run_status(ledger.connection, [found])[0]
        name = f"run {found} of {run.namespace}/{run.name}"
        if run.state == "Open" and run.stopped_at is None:
            confirm(f"Stop {name} for good? {run.waiting:,} of {run.planned:,} would not get it.", yes=yes)
        change_run(ledger.connection, found, change, actor=actor)
        held = run.holds if change == "resume" else ()
    done = {"suspend": "suspended", "resume": "goes on", "stop": "stopped for good"}[change]
    click.echo(f"{name}: {done}")
    for reason in held:
        click.echo(f"it is still held: {reason} (see: herold hold list)")
