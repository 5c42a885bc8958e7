"""`herold demo`: all of it on this machine, with a worker killed in the middle."""

from __future__ import annotations

from pathlib import Path

import click

from herold.cli.command import command


@command("demo", "herold demo", "herold demo --customers 1000 --output /tmp/demo")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".herold/demo"),
    show_default=True,
    help="Folder for the pages: plan, report, inbox.",
)
@click.option("--customers", type=click.IntRange(min=1), help="Only so many; else all 23,570.")
@click.option("--rate", type=click.IntRange(1, 10_000), default=800, show_default=True, help="Messages a second.")
def demo(output: Path, customers: int | None, rate: int) -> None:
    """Watch all of it: a campaign, a killed worker, a verdict.

    A campaign goes to 23,570 made-up customers with the purchase history of real ones; a worker is killed midway.
    Everything stays on this machine: the ledger, the relay and the inbox are its own and go when it ends; only the
    pages are left. The verdict comes from the relay's own log.
    """
    from herold.demo.demo import run_demo

    code = run_demo(output, echo=click.echo, customers=customers, rate=rate)
    raise click.exceptions.Exit(code)
