"""`herold proof`: a message in every language, in the team's own inboxes, before it is merged."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from herold.cli.command import DurationType, as_format, command, with_actor, with_campaign, with_files_or_changed

if TYPE_CHECKING:
    from herold.ledger.counts import RunStatus
    from herold.planning.proofs import Selection
    from herold.planning.proven import Proven, Shown
    from herold.processes.ledger import OpenLedger
    from herold.resources.resolved import ResolvedCampaign
    from herold.settings import Settings


@command(
    "proof",
    "herold proof spring-sale --files gitops/campaigns/test",
    "herold proof --changed main..HEAD",
    "herold proof --changed main...HEAD -o markdown --output comment.md",
)
@with_campaign(required=False)
@with_files_or_changed
@click.option("--changed", metavar="BASE..HEAD", help="Every campaign that differs between two Git revisions.")
@click.option("--again", is_flag=True, help="Send it also to seeds that have it already.")
@click.option(
    "--within",
    type=DurationType(),
    default=timedelta(minutes=5),
    show_default="5m",
    help="How long to wait until all of it is out.",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 8),
    default=None,
    help="Processes here that send; 0: the platform's own do.  [default: 1, and 0 with HEROLD_DATABASE_URL]",
)
@with_actor
@as_format("table", "json", "markdown")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
def proof(
    campaign: str | None,
    paths: tuple[Path, ...],
    changed: str | None,
    within: timedelta,
    workers: int | None,
    actor: str,
    format_: str,
    output: Path | None,
    *,
    again: bool,
) -> None:
    """Send a campaign, or all that a branch changes, to the seed addresses of its sender, and to nobody else.

    The message is the one that will go out, to somebody made up: each language, and each branch of the template, at
    least once. Its subject begins with [Proof], and its links unsubscribe nobody. Each seed gets its own language;
    languages that no seed has go to all. Proofs are runs of their own (NAME~proof): the campaign itself stays as it is.
    The same command again sends nothing twice; after a crash it goes on.

    With --changed both revisions are read from Git, and seeds, relay and name of the sender are those of BASE. Exit
    code 5 when not all of it is out in time, 4 when something of it was taken by no inbox.
    """
    if (campaign is None) == (changed is None) or (campaign is not None and not paths):
        raise click.UsageError("name a CAMPAIGN and its --files, or a branch with --changed")
    from herold.cli.entry import ExitCode
    from herold.cli.output import note, write_file
    from herold.errors import InvalidInput, Temporary
    from herold.planning.proven import as_unproven_comment
    from herold.settings import read_settings

    settings = read_settings()
    own = workers if workers is not None else int(settings.database_url is None)
    of = changed or campaign or ""
    try:
        selection = _selection(settings, campaign, changed, paths)
    except InvalidInput as error:
        # Who reads the pull request learns why there is no proof.
        if format_ == "markdown" and output is not None:
            write_file(output, as_unproven_comment(of, error.mistakes))
        raise
    proven, interrupted = _prove(settings, of, selection, actor, within, again=again, workers=own)
    written = _written(proven, format_)
    if output is None:
        click.echo(written, nl=False)
    else:
        write_file(output, written)
    if interrupted:
        raise click.exceptions.Exit(ExitCode.INTERRUPTED)
    if proven.waits:
        raise Temporary(
            "not all of it is out yet", hint="the same command goes on; herold status says what it waits for"
        )
    if proven.lost:
        note(f"{proven.lost} of the proofs were taken by no inbox; see: herold deliveries --run RUN")
        raise click.exceptions.Exit(ExitCode.REFUSED)


def _selection(settings: Settings, campaign: str | None, changed: str | None, paths: tuple[Path, ...]) -> Selection:
    from herold.cli.files import load_files
    from herold.cli.plan_changed import read_changed
    from herold.errors import Refused
    from herold.planning.proofs import Selection, plan_branch_proofs, plan_proofs

    now = datetime.now(UTC)
    if changed is not None:
        branch = read_changed(settings, changed, paths)
        return plan_branch_proofs(branch, settings.environment, now=now)
    assert campaign is not None
    catalogue = load_files(paths, settings)
    resolved = catalogue.resolved(catalogue.campaign(campaign))
    if resolved.campaign.spec.mode == "Proof":
        raise Refused("IsProof", f"{resolved.name} is a proof itself", hint="send it with: herold run")
    return Selection((plan_proofs(resolved, settings.environment, now=now, place=catalogue.mistake),))


def _prove(
    settings: Settings, of: str, selection: Selection, actor: str, within: timedelta, *, again: bool, workers: int
) -> tuple[Proven, bool]:
    """What became of it, and whether somebody interrupted. Nothing is started before everything is in order."""
    from herold.cli.following import crew, follow, interruptible
    from herold.planning.proven import Proven
    from herold.processes.ledger import open_for_sending, open_ledger

    if not selection.planned:
        return Proven(of, (), selection.left_out), False
    opened = open_for_sending if workers else open_ledger
    warnings: tuple[str, ...] = ()
    with opened(settings) as ledger, interruptible() as interrupt:
        if workers:
            warnings = _check_senders(settings, ledger, selection, again=again)
        shown = [
            (each, *_start(ledger, each, actor, again=again))
            for planned in selection.planned
            for each in planned.proofs
        ]
        begun = [run.run_id for run in _open_runs(ledger, [run_id for _, runs, _ in shown for run_id in runs])]
        if begun:
            with crew(settings, ledger.url, workers=workers, slots=1) as members:
                until = time.monotonic() + within.total_seconds()
                for run_id in begun:
                    if not interrupt.asked:
                        follow(members, run_id, interrupt, until=until)
        told = iter([_told(ledger, *each) for each in shown])
    campaigns = tuple((planned, tuple(next(told) for _ in planned.proofs)) for planned in selection.planned)
    return Proven(of, campaigns, selection.left_out, warnings), interrupt.asked


def _check_senders(settings: Settings, ledger: OpenLedger, selection: Selection, *, again: bool) -> tuple[str, ...]:
    """What receivers will hold against it, in whole sentences: it is sent all the same, and an inbox shows what becomes
    of it. A relay that refuses us would pause the mail of others too: raises Temporary or Refused with all findings."""
    from herold.errors import Refused, Temporary
    from herold.ledger.proofs import is_done
    from herold.processes.preflight import look_at_sender

    waiting = [
        each
        for planned in selection.planned
        for each in planned.proofs
        if not is_done(ledger.connection, each, key=ledger.key, again=again)
    ]
    senders = {each.sender.key: each for each in waiting}
    looks = [look_at_sender(resolved, settings) for resolved in senders.values()]
    findings = [each for found, _ in looks for each in found]
    if findings:
        words = "\n".join(f"{each.message}\n    fix: {each.hint}" for each in findings)
        if all(each.what == "RelayAway" for each in findings):
            raise Temporary(words)
        raise Refused("SenderNotReady", f"nothing was sent\n{words}")
    return tuple(f"{each.message}. To do: {each.hint}." for _, warnings in looks for each in warnings)


def _open_runs(ledger: OpenLedger, runs: list[int]) -> list[RunStatus]:
    """Those that are not over, oldest first."""
    from herold.ledger.counts import run_status

    known = run_status(ledger.connection, runs, limit=len(runs))
    return [run for run in reversed(known) if run.state == "Open"]


def _start(ledger: OpenLedger, resolved: ResolvedCampaign, actor: str, *, again: bool) -> tuple[list[int], int | None]:
    from herold.ledger.proofs import start_proof

    return start_proof(ledger.connection, resolved, key=ledger.key, actor=actor, again=again)


def _told(ledger: OpenLedger, resolved: ResolvedCampaign, runs: list[int], started: int | None) -> Shown:
    from herold.ledger.proofs import proof_outcomes
    from herold.planning.proven import Shown

    assert resolved.proof is not None
    outcomes = proof_outcomes(ledger.connection, resolved, runs, key=ledger.key, started=started)
    return Shown(resolved.proof.locale, resolved.proof.reader, outcomes)


def _written(proven: Proven, format_: str) -> str:
    from herold.planning.proven import as_proof_comment, as_proof_json, as_proof_text

    return {"json": as_proof_json, "markdown": as_proof_comment, "table": as_proof_text}[format_](proven)
