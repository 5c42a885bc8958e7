"""`herold deliveries`: a run's deliveries one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from herold.cli.command import as_format, command, with_run
from herold.words import instant, legible

# As in herold.ledger.deliveries, which a test compares: help must not wait for the ledger's modules.
STATES = ("waiting", "deferred", "sent", "failed", "suppressed", "skipped", "uncertain")
_WIDTHS = (("POSITION", 9), ("CONTACT", 10), ("OUTCOME", 11), ("TRIES", 5), ("AT", 23), ("CODE", 4), ("ENHANCED", 8))


@command(
    "deliveries",
    "herold deliveries spring-sale --outcome uncertain",
    "herold deliveries --run 35000001 -o json > deliveries.json",
)
@with_run
@click.option("--outcome", type=click.Choice(STATES), help="Only these. waiting: not tried yet; deferred: put off.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many; else all.")
@click.option("--addresses", is_flag=True, help="Show addresses too, which are personal data.")
@as_format("table", "json")
def deliveries(
    campaign: str | None, run_id: int | None, outcome: str | None, limit: int | None, format_: str, *, addresses: bool
) -> None:
    """List a run's deliveries, with what the server answered.

    People are named by the ledger's own ids (see `herold explain`). Millions of rows come as they are read.
    """
    from herold.cli.output import print_json_list
    from herold.ledger.deliveries import deliveries as found
    from herold.ledger.lookup import find_run
    from herold.plain import plain
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    with open_ledger(read_settings()) as ledger:
        number = find_run(ledger.connection, campaign, run_id)
        rows = found(ledger.connection, number, state=outcome, limit=limit, addresses=addresses)  # type: ignore[arg-type]
        listed = (_json(plain(row), addresses=addresses) for row in rows)
        if format_ == "json":
            print_json_list(listed)
        else:
            for line in lines(listed, addresses=addresses):
                click.echo(line)


def _json(row: dict[str, object], *, addresses: bool) -> dict[str, object]:
    if not addresses:
        del row["address"]
    return row


def lines(rows: Iterable[Mapping[str, Any]], *, addresses: bool = False) -> Iterator[str]:
    """Of deliveries as JSON has them. Columns of fixed width: nothing is known of rows that were not read yet."""
    address = f"{'ADDRESS':<32}  " if addresses else ""
    yield "  ".join(f"{name:<{wide}}" for name, wide in _WIDTHS) + f"  {address}DETAIL"
    for row in rows:
        at = datetime.fromisoformat(row["at"]) if row["at"] else None
        answer = (row["code"] or "-", row["enhanced"] or "-")
        cells = (row["position"], row["contactId"], row["state"], row["attempts"], instant(at), *answer)
        told = "  ".join(f"{cell:<{wide}}" for cell, (_, wide) in zip(cells, _WIDTHS, strict=True))
        address = f"{row['address'] or '-':<32}  " if addresses else ""
        yield legible(f"{told}  {address}{row['detail'] or '-'}")
