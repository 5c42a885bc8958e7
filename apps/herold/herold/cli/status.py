"""`herold status`: what runs have come to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from herold.cli.command import as_format, command, with_run
from herold.words import instant

if TYPE_CHECKING:
    from herold.ledger.counts import RunStatus

COUNTS = ("planned", "sent", "deferred", "failed", "suppressed", "skipped", "uncertain", "waiting")


@command("status", "herold status", "herold status spring-sale", "herold status --run 35000001 -o json")
@with_run
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Newest runs to list.")
@as_format("table", "json")
def status(campaign: str | None, run_id: int | None, limit: int, format_: str) -> None:
    """Runs and their counts, the newest first.

    Of one campaign it says more: when it began, what it waits for, who was left out.
    """
    from herold.cli.output import note, print_fields, print_json, print_table
    from herold.ledger.counts import run_status
    from herold.ledger.lookup import find_run, regressed
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    with open_ledger(read_settings()) as ledger:
        one = campaign is not None or run_id is not None
        ids = [find_run(ledger.connection, campaign, run_id)] if one else None
        runs = run_status(ledger.connection, ids, limit=limit)
        why = regressed(ledger.connection)
    if why is not None:
        note(f"nothing is sent: the ledger went backwards ({why}); see: herold ledger check")
    if format_ == "json":
        print_json(status_json(runs[0]) if one else [status_json(run) for run in runs])
    elif one:
        print_fields(_fields(runs[0]))
    elif not runs:
        click.echo("no campaign has run yet")
    else:
        print_table(
            ("CAMPAIGN", "RUN", "STATE", *map(str.upper, COUNTS), "NEXT"),
            ([_name(run), str(run.run_id), run.summary, *_counts(run), _next(run)] for run in runs),
            numbers=("RUN", *map(str.upper, COUNTS)),
        )


def status_json(run: RunStatus) -> dict[str, object]:
    """As `-o json` prints a run."""
    from herold.plain import plain

    fields: dict[str, object] = plain(run)
    return {"campaign": f"{run.namespace}/{run.name}", "summary": run.summary, **fields}


def _name(run: RunStatus) -> str:
    return f"{run.namespace}/{run.name}" + (f" #{run.occurrence}" if run.occurrence > 1 else "")


def _counts(run: RunStatus) -> list[int]:
    return [getattr(run, name) for name in COUNTS]


def _next(run: RunStatus) -> str:
    return instant(run.next_due_at) if run.state == "Open" and not run.started_at else "-"


def _fields(run: RunStatus) -> Iterator[tuple[str, object]]:
    yield "campaign", f"{run.namespace}/{run.name}, occurrence {run.occurrence}"
    yield "run", str(run.run_id)
    yield "state", run.summary
    for reason in run.holds:
        yield "held", reason
    yield "created", instant(run.created_at)
    yield "first due", instant(run.next_due_at)
    yield "started", instant(run.started_at)
    if run.stopped_at:
        yield "stopped", instant(run.stopped_at)
    yield "closed", instant(run.closed_at)
    for name in COUNTS:
        yield name, getattr(run, name)
    if run.left_out:
        yield "left out", ", ".join(f"{reason} {number:,}" for reason, number in sorted(run.left_out.items()))
