"""`kubectl campaign report`: what a run came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from herold.cli.command import command
from herold.cli.report import OUTCOMES
from herold_kubectl.options import as_output, open_cluster, with_cluster, with_html, with_name, with_run


@command(
    "report",
    "kubectl campaign report spring-sale -n campaigns-shop",
    "kubectl campaign report spring-sale --html report.html",
)
@with_name()
@with_run
@with_cluster
@as_output("table", "json")
@with_html
def report(
    name: str,
    run_id: int | None,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    format_: str,
    html: Path | None,
) -> None:
    """Who was reached, how fast, and who possibly not.

    Counted from the ledger's rows; of a run that goes on, as it is now.
    """
    from herold.cli.output import write_file
    from herold_kubectl.reading import as_query, ask_reader
    from herold_reader.protocol import Ask

    cluster, where = open_cluster(kubeconfig, context, namespace)
    query = as_query(format="html" if html is not None else "json", run=run_id)
    content = ask_reader(cluster, Ask.REPORT, where, name, query=query)["content"]
    if html is not None:
        write_file(html, content)
    elif format_ == "json":
        click.echo(content)
    else:
        _print(json.loads(content))


def _print(made: dict[str, Any]) -> None:
    from herold.cli.output import print_table

    click.echo(f"{made['campaign']} #{made['occurrence']}, run {made['runId']}: {made['summary']}")
    click.echo(made["headline"])
    rows = [(group["name"], *(group["outcomes"][name] for name in OUTCOMES)) for group in made["domains"]]
    if made["otherDomains"]:
        rows.append((f"{made['otherDomains']:,} others", *(made["others"][name] for name in OUTCOMES)))
    print_table(("DOMAIN", *map(str.upper, OUTCOMES)), rows, numbers=[name.upper() for name in OUTCOMES])
