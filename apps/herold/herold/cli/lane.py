"""`herold lane`: what a route's fault has paused, and an end to the pause."""

from __future__ import annotations

import click

from herold.cli.command import Group, as_format, with_actor
from herold.words import instant


@click.group("lane", cls=Group, examples=("herold lane list", "herold lane resume campaigns-shared/shop-newsletter"))
def lane() -> None:
    """Lanes: a route and a group of recipients' domains, each with a pace of its own.

    A fault of the route (no connection, a refused login, 421, 550 5.7.x) pauses its lane, costs nobody an attempt, and
    is tried again by itself: after 1 s, 2 s, 4 s … 5 min, or 15 min when a person has to act first.
    """


@lane.command("list", examples=("herold lane list", "herold lane list -o json"))
@as_format("table", "json")
def list_(format_: str) -> None:
    """Every lane, paused ones first, with the relay's words."""
    from herold.cli.output import print_json, print_table
    from herold.ledger.lanes import list_lanes
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    with open_ledger(read_settings()) as ledger:
        lanes = list_lanes(ledger.connection)
    if format_ == "json":
        print_json(lanes)
    elif not lanes:
        click.echo("no lanes: they are made when the first campaign of a sender starts")
    else:
        print_table(
            ("SENDER", "LANE", "PER SECOND", "PAUSED UNTIL", "FAULTS", "WHY"),
            (
                (
                    each.sender,
                    each.name,
                    each.per_second,
                    instant(each.paused_until),
                    str(each.faults),
                    each.pause_reason or "",
                )
                for each in lanes
            ),
            numbers=("PER SECOND", "FAULTS"),
        )


@lane.command(
    "resume",
    examples=(
        "herold lane resume campaigns-shared/shop-newsletter",
        "herold lane resume shop-newsletter --lane lane/gmail",
    ),
)
@click.argument("sender")
@click.option("--lane", "name", help="Only this lane of the sender.")
@with_actor
def resume(sender: str, name: str | None, actor: str) -> None:
    """The route works again: end the pause now, instead of when its time is over."""
    from herold.ledger.lanes import resume_lanes
    from herold.ledger.lookup import sender_id
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    with open_ledger(read_settings()) as ledger:
        resumed = resume_lanes(ledger.connection, sender_id(ledger.connection, sender), name, actor=actor)
    click.echo(f"resumed: {', '.join(resumed)}" if resumed else "no lane of this sender is paused")
