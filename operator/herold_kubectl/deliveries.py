"""`kubectl campaign deliveries`: a run's deliveries one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from herold.cli.command import command
from herold.cli.deliveries import STATES, lines
from herold_kubectl.options import as_output, open_cluster, with_cluster, with_name, with_run

if TYPE_CHECKING:
    from herold_kubectl.cluster import Cluster


@command(
    "deliveries",
    "kubectl campaign deliveries spring-sale -n campaigns-shop --outcome uncertain",
    "kubectl campaign deliveries spring-sale -o json > deliveries.json",
)
@with_name()
@with_run
@with_cluster
@click.option("--outcome", type=click.Choice(STATES), help="Only these. waiting: not tried yet; deferred: put off.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many; else all.")
@as_output("table", "json")
def deliveries(
    name: str,
    run_id: int | None,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    outcome: str | None,
    limit: int | None,
    format_: str,
) -> None:
    """List a run's deliveries, with what the server answered. The ledger's audit tells that you asked.

    People are named by the ledger's own ids (see `kubectl campaign explain`). Comes in pages, however many there are.
    """
    from herold.cli.output import print_json_list

    cluster, where = open_cluster(kubeconfig, context, namespace)
    rows = _rows(cluster, where, name, run_id, outcome, limit)
    # The first page before the first line: who is refused reads no heading.
    listed = chain(list(islice(rows, 1)), rows)
    if format_ == "json":
        print_json_list(listed)
    else:
        for line in lines(listed):
            click.echo(line)


def _rows(
    cluster: Cluster, namespace: str, name: str, run: int | None, outcome: str | None, limit: int | None
) -> Iterator[dict[str, Any]]:
    from herold_kubectl.reading import as_query, ask_reader
    from herold_reader.protocol import PAGE_ROWS, Ask

    after, left = 0, limit
    while left is None or left > 0:
        size = PAGE_ROWS if left is None else min(left, PAGE_ROWS)
        query = as_query(run=run, outcome=outcome, after=after, limit=size)
        page = ask_reader(cluster, Ask.DELIVERIES, namespace, name, query=query)
        # Further pages are of the same run, also when a newer one has begun meanwhile.
        run = page["run"]
        yield from page["deliveries"]
        if page["next"] is None:
            return
        after = page["next"]
        left = None if left is None else left - len(page["deliveries"])
