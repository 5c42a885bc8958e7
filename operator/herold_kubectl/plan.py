"""`kubectl campaign plan`: what a campaign would do, before it does it."""

from __future__ import annotations

from pathlib import Path

import click

from herold.cli.command import command
from herold_kubectl.options import as_output, open_cluster, with_cluster, with_html, with_name


@command(
    "plan",
    "kubectl campaign plan spring-sale -n campaigns-shop",
    "kubectl campaign plan spring-sale --html plan.html",
)
@with_name()
@with_cluster
@click.option("--sample", is_flag=True, help="Estimate from some of the people: quick, with an interval.")
@as_output("text", "json", "markdown")
@with_html
def plan(
    name: str,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    format_: str,
    html: Path | None,
    *,
    sample: bool,
) -> None:
    """Say who would get a campaign as it is on the cluster, when, and what is wrong with it. Nothing is written.

    Exit code 3 when something must be mended before it can start.
    """
    from herold.cli.output import note, write_file
    from herold_kubectl.reading import as_query, ask_reader
    from herold_reader.protocol import Ask

    cluster, where = open_cluster(kubeconfig, context, namespace)
    query = as_query(format="html" if html is not None else format_, sample=sample)
    made = ask_reader(cluster, Ask.PLAN, where, name, query=query)
    if html is not None:
        write_file(html, made["content"])
    else:
        click.echo(made["content"], nl=False)
    if made["errors"]:
        note(f"{made['errors']} of its violations must be mended before it can start")
        raise click.exceptions.Exit(3)
