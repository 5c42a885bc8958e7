"""`herold plan`: what a campaign would do, before it does it."""

from __future__ import annotations

from pathlib import Path

import click

from herold.cli.command import as_format, command, with_campaign, with_files_or_changed


@command(
    "plan",
    "herold plan spring-sale --files gitops/campaigns/test",
    "herold plan spring-sale -f gitops/campaigns/test --against main -o markdown",
    "herold plan spring-sale -f gitops/campaigns/test -o html --output plan.html",
    "herold plan --changed main..HEAD -o markdown --output comment.md --page plan.html",
)
@with_campaign(required=False)
@with_files_or_changed
@click.option("--changed", metavar="BASE..HEAD", help="Plan every campaign that differs between two Git revisions.")
@click.option("--against", metavar="REVISION", help="Compare with a Git revision of the same files.")
@click.option("--sample", is_flag=True, help="Estimate from some of the people: quick, with an interval.")
@click.option("--real-samples", is_flag=True, help="Render some real people's messages too; keep them on this machine.")
@as_format("text", "json", "markdown", "html")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to a file.")
@click.option(
    "--page", type=click.Path(path_type=Path, dir_okay=False), help="With --changed: write the HTML page too."
)
@click.option(
    "--policies",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --changed: folder with the policies.  [default: policies/admission of the checkout]",
)
def plan(
    campaign: str | None,
    paths: tuple[Path, ...],
    changed: str | None,
    against: str | None,
    format_: str,
    output: Path | None,
    page: Path | None,
    policies: Path | None,
    *,
    sample: bool,
    real_samples: bool,
) -> None:
    """Say who would get a campaign, when, and what is wrong with it. Nothing is written, nobody gets anything.

    Exit code 3 when something must be mended before it can start.

    With --changed it is about a branch: what is added, edited and deleted, and what is hit because it names what
    changed. Both revisions are read from Git; BASE...HEAD is what HEAD changed since it left BASE. People are counted,
    from a sample, only in a ledger that HEROLD_DATABASE_URL names, and only for its environment; counts under ten are
    hidden, and messages are to people who don't exist: it may be shown to all. Exit code 0 when it is fine, 6 when a
    second person must approve it, 4 when it must not be merged.
    """
    if changed is not None:
        if campaign is not None or against is not None or sample or real_samples:
            raise click.UsageError("--changed goes without CAMPAIGN, --against, --sample and --real-samples")
        from herold.cli.plan_changed import plan_changed

        plan_changed(changed, paths, policies, format_, output, page)
        return
    if campaign is None or not paths:
        raise click.UsageError("name a CAMPAIGN and its --files, or a branch with --changed")
    if page is not None or policies is not None:
        raise click.UsageError("--page and --policies go with --changed")
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
