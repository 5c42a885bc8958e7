"""`herold run`: a campaign from its files to the last outcome, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from herold.cli.command import as_format, command, confirm, with_actor, with_campaign, with_files, with_yes
from herold.words import count, instant, span

if TYPE_CHECKING:
    from herold.ledger.counts import RunStatus
    from herold.ledger.database import Connection
    from herold.ledger.runs import Started
    from herold.processes.ledger import OpenLedger
    from herold.resources.resolved import ResolvedCampaign


@command(
    "run",
    "herold run spring-sale --files gitops/campaigns/test",
    "herold run spring-sale -f gitops/campaigns/test --now --yes --workers 4",
)
@with_campaign()
@with_files
@click.option(
    "--now/--on-schedule",
    "at_once",
    default=False,
    help="Everything falls due now, or when the campaign says (default).",
)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes that send.")
@click.option("--slots", type=click.IntRange(1, 64), default=2, show_default=True, help="Connections of each of them.")
@with_actor
@with_yes
@as_format("table", "json")
def run(
    campaign: str,
    paths: tuple[Path, ...],
    workers: int,
    slots: int,
    actor: str,
    format_: str,
    *,
    at_once: bool,
    yes: bool,
) -> None:
    """Send a campaign, and account for everybody.

    Says how many people would get it, and asks. The audience, the texts and the times are pinned when the run starts.
    Ctrl-C ends the workers once they have finished what they have in hand; the same command goes on where it was, also
    after a crash, and sends nothing twice.
    """
    from herold.cli.files import load_files
    from herold.cli.following import crew, follow, how_it_stands, interruptible
    from herold.cli.output import note
    from herold.processes.ledger import open_for_sending
    from herold.settings import read_settings

    settings = read_settings()
    catalogue = load_files(paths, settings)
    resolved = catalogue.resolved(catalogue.campaign(campaign))
    with open_for_sending(settings) as ledger:
        started = _start(ledger, resolved, actor, at_once=at_once, yes=yes)
        _tell(ledger.connection, resolved, started, at_once=at_once)
        with interruptible() as interrupt, crew(settings, ledger.url, workers=workers, slots=slots) as members:
            follow(members, started.run_id, interrupt)
        done = how_it_stands(ledger.url, started.run_id)
    print_sum(done, format_)
    if done.state != "Closed":
        note(
            f"go on: the same command. Not now: herold suspend {resolved.name}. Not at all: herold stop {resolved.name}"
        )
        raise click.exceptions.Exit(130)


def print_sum(run: RunStatus, format_: str) -> None:
    """What became of everybody."""
    from herold.cli.output import print_json
    from herold.cli.status import status_json

    if format_ == "json":
        print_json(status_json(run))
        return
    took = ""
    if run.started_at and run.closed_at:
        length = (run.closed_at - run.started_at).total_seconds()
        took = f" in {span(length)}" + (f", {run.sent / length:,.0f} a second" if length >= 1 else "")
    click.echo(f"{run.namespace}/{run.name}, run {run.run_id}: {run.summary}{took}")
    waiting = f" + waiting {run.waiting:,}" if run.waiting else ""
    click.echo(
        f"planned {run.planned:,} = sent {run.sent:,} + failed {run.failed:,} + suppressed {run.suppressed:,}"
        f" + skipped {run.skipped:,} + uncertain {run.uncertain:,}{waiting}"
    )
    settled = run.sent + run.failed + run.suppressed + run.skipped + run.uncertain
    click.echo(f"lost {run.planned - settled - run.waiting:,}, uncertain {run.uncertain:,}")
    if run.uncertain:
        click.echo(f"possibly not reached: herold deliveries --run {run.run_id} --outcome uncertain")


def _start(ledger: OpenLedger, resolved: ResolvedCampaign, actor: str, *, at_once: bool, yes: bool) -> Started:
    from herold.errors import Refused
    from herold.ledger.lookup import existing_run
    from herold.ledger.runs import start_run

    found = existing_run(ledger.connection, resolved)
    if found is None:
        if not yes:
            confirm(_question(ledger.connection, resolved), yes=False)
    elif found.suspended and not resolved.campaign.spec.suspend:
        # Starting it would undo what a person decided.
        raise Refused(
            "Suspended", f"run {found.run_id} is suspended", hint=f"go on with: herold resume {resolved.name}"
        )
    try:
        return start_run(ledger.connection, resolved, key=ledger.key, actor=actor, at_once=at_once)
    except Refused as error:
        if error.reason == "StartMissed":
            error.hint = f"{error.hint}; or send it now, with --now"
        raise


def _question(connection: Connection, resolved: ResolvedCampaign) -> str:
    from herold.audience.count import count_audience

    if resolved.campaign.spec.mode == "Proof":
        return f"Send {resolved.name} to {count(len(resolved.sender.spec.seeds), 'seed address', 'seed addresses')}?"
    counts = count_audience(connection, resolved)
    left_out = sum(counts.left_out.values())
    without = f" ({left_out:,} are left out)" if left_out else ""
    return f"Send {resolved.name} to {count(counts.accepted, 'person', 'people')}{without}?"


def _tell(connection: Connection, resolved: ResolvedCampaign, started: Started, *, at_once: bool) -> None:
    """What a person should know before it goes on. Raises Refused when something holds the run from the beginning."""
    from herold.cli.output import note
    from herold.errors import Refused
    from herold.ledger.counts import run_status

    run = run_status(connection, [started.run_id])[0]
    if started.new:
        note(f"run {run.run_id}: {count(run.planned, 'person', 'people')}, first due {instant(run.next_due_at)}")
    else:
        note(f"run {run.run_id} goes on: {run.waiting:,} of {run.planned:,} wait")
        if at_once and run.started_at is None:
            note("--now changes nothing: the run was started with the campaign's schedule")
    if started.frozen_changed:
        fields = ", ".join(started.frozen_changed)
        note(f"FrozenFieldChanged: edited since the run started, and not obeyed: {fields}")
    if run.holds:
        raise Refused("Held", "; ".join(run.holds), hint="look at it, then: herold hold list, herold hold release ID")
    if run.suspended:
        raise Refused("Suspended", f"{resolved.name} says suspend: true", hint="write suspend: false, and run it again")
