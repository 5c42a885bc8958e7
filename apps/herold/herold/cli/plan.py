"""`herold plan`: what a campaign would do, before it does it."""

from __future__ import annotations

from pathlib import Path

import click

from herold.cli.command import as_format, command, with_campaign, with_files


@command(
    "plan",
    "herold plan spring-sale --files gitops/campaigns/test",
    "herold plan spring-sale -f gitops/campaigns/test --against main -o markdown",
    "herold plan spring-sale -f gitops/campaigns/test -o html --output plan.html",
)
@with_campaign()
@with_files
@click.option("--against", metavar="REVISION", help="Compare with a Git revision of the same files.")
@click.option("--sample", is_flag=True, help="Estimate from some of the people: quick, with an interval.")
@click.option("--real-samples", is_flag=True, help="Render some real people's messages too; keep them on this machine.")
@as_format("text", "json", "markdown", "html")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
def plan(
    campaign: str,
    paths: tuple[Path, ...],
    against: str | None,
    format_: str,
    output: Path | None,
    *,
    sample: bool,
    real_samples: bool,
) -> None:
    """Say who would get a campaign, when, and what is wrong with it. Nothing is written, nobody gets anything.

    Exit code 3 when something must be mended before it can start.
    """
    from herold.cli.files import load_files
    from herold.cli.output import note, write_file
    from herold.ledger.database import one
    from herold.planning import as_html, as_json, as_markdown, as_text, make_plan, resolved_at
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    settings = read_settings()
    catalogue = load_files(paths, settings)
    resolved = catalogue.resolved(catalogue.campaign(campaign))
    before = None
    if against is not None:
        before = resolved_at(Path.cwd(), against, paths, resolved.name, settings.shared_namespace)
    with open_ledger(settings) as ledger:
        made = make_plan(
            ledger.connection,
            resolved,
            key=ledger.key,
            now=one(ledger.connection, "SELECT now()")[0],
            against=before,
            revision=against or "",
            sampled=sample,
            real_samples=real_samples,
        )
    written = {"text": as_text, "json": as_json, "markdown": as_markdown, "html": as_html}[format_](made)
    if output is None:
        click.echo(written, nl=False)
    else:
        write_file(output, written)
    if made.errors:
        note(f"{len(made.errors)} of its violations must be mended before it can start")
        raise click.exceptions.Exit(3)
