"""`herold report`: what a run came to."""

from __future__ import annotations

from pathlib import Path

import click

from herold.cli.command import as_format, command, with_run

OUTCOMES = ("sent", "failed", "suppressed", "skipped", "uncertain", "waiting")


@command(
    "report",
    "herold report spring-sale",
    "herold report spring-sale --output report.html",
    "herold report --run 35000001 -o json",
)
@with_run
@as_format("table", "json", "html")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file: .html or .json.")
def report(campaign: str | None, run_id: int | None, format_: str, output: Path | None) -> None:
    """Who was reached, how fast, and who possibly not.

    Counted from the rows themselves; of a run that goes on, as it is now.
    """
    from herold.cli.output import write_file
    from herold.ledger.lookup import find_run
    from herold.processes.ledger import open_ledger
    from herold.report import as_html, as_json, headline, make_report
    from herold.settings import read_settings

    settings = read_settings()
    if output is not None and format_ == "table":
        format_ = "json" if output.suffix == ".json" else "html"
    with open_ledger(settings) as ledger:
        made = make_report(ledger.connection, find_run(ledger.connection, campaign, run_id))
    if format_ != "table":
        written = as_html(made) if format_ == "html" else as_json(made) + "\n"
        if output is None:
            click.echo(written, nl=False)
        else:
            write_file(output, written)
        return
    from herold.cli.output import print_table

    click.echo(f"{made.campaign} #{made.occurrence}, run {made.run_id}: {made.summary}")
    click.echo(headline(made))
    rows = [(group.name, *(getattr(group.outcomes, name) for name in OUTCOMES)) for group in made.domains]
    if made.other_domains:
        rows.append((f"{made.other_domains:,} others", *(getattr(made.others, name) for name in OUTCOMES)))
    print_table(("DOMAIN", *map(str.upper, OUTCOMES)), rows, numbers=[name.upper() for name in OUTCOMES])
