"""`herold hold`: brakes that work with everything else down."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from herold.cli.command import DurationType, Function, Group, as_format, with_actor, with_campaign
from herold.words import instant, span

if TYPE_CHECKING:
    from herold.ledger.database import Connection
    from herold.ledger.holds import HoldScope


@click.group(
    "hold",
    cls=Group,
    examples=(
        'herold hold campaign campaigns-shop/spring-sale --reason "wrong price"',
        'herold hold domain slow.example --for 2h --reason "they asked us to"',
        "herold hold list",
        "herold hold release 3",
    ),
)
def hold() -> None:
    """Hold everything, a team, a sender, a domain or a campaign.

    Acts within two seconds at every worker, also on campaigns that start later. Needs nothing but the ledger, and
    lasts until it is released or its time is over.
    """


def _with_reason(function: Function) -> Function:
    function = click.option(
        "--for", "lasts", type=DurationType(), help="How long, like 30m or 2h; else until it is released."
    )(function)
    function = click.option("--reason", required=True, help="Why; shown to whoever finds the hold.")(function)
    return with_actor(function)


@hold.command("everything", examples=('herold hold everything --for 1h --reason "the relay is on fire"',))
@_with_reason
def everything(reason: str, lasts: timedelta | None, actor: str) -> None:
    """Nothing goes out."""
    _hold("Everything", "", reason, lasts, actor)


@hold.command("team", examples=('herold hold team campaigns-shop --reason "they move house"',))
@click.argument("namespace")
@_with_reason
def team(namespace: str, reason: str, lasts: timedelta | None, actor: str) -> None:
    """Nothing of one team (a namespace) goes out."""
    _hold("Team", namespace, reason, lasts, actor)


@hold.command("sender", examples=('herold hold sender campaigns-shared/shop-newsletter --reason "listed as spam"',))
@click.argument("sender")
@_with_reason
def sender(sender: str, reason: str, lasts: timedelta | None, actor: str) -> None:
    """Nothing goes out in the name of one SenderProfile."""
    _hold("Sender", sender, reason, lasts, actor)


@hold.command("domain", examples=('herold hold domain slow.example --for 2h --reason "they asked us to"',))
@click.argument("domain")
@_with_reason
def domain(domain: str, reason: str, lasts: timedelta | None, actor: str) -> None:
    """Nothing goes to one domain of recipients (exactly this one, not those below it)."""
    _hold("Domain", domain, reason, lasts, actor)


@hold.command("campaign", examples=('herold hold campaign campaigns-shop/spring-sale --reason "wrong price"',))
@with_campaign()
@_with_reason
def campaign(campaign: str, reason: str, lasts: timedelta | None, actor: str) -> None:
    """Nothing of one campaign goes out, whichever its run."""
    _hold("Campaign", campaign, reason, lasts, actor)


@hold.command("list", examples=("herold hold list", "herold hold list -o json"))
@as_format("table", "json")
def list_(format_: str) -> None:
    """What is held now, oldest first."""
    from herold.cli.output import print_json, print_table
    from herold.ledger.holds import active_holds
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    with open_ledger(read_settings()) as ledger:
        holds = active_holds(ledger.connection)
    if format_ == "json":
        print_json(holds)
    elif not holds:
        click.echo("nothing is held")
    else:
        print_table(
            ("ID", "SCOPE", "TARGET", "UNTIL", "SINCE", "ACTOR", "REASON"),
            (
                (str(h.id), h.scope, h.target, instant(h.expires_at), instant(h.created_at), h.actor, h.reason)
                for h in holds
            ),
            numbers=("ID",),
        )


@hold.command("release", examples=("herold hold release 3",))
@click.argument("hold_id", metavar="ID", type=click.IntRange(min=1))
@with_actor
def release(hold_id: int, actor: str) -> None:
    """End a hold: what it held goes on, if nothing else holds it."""
    from herold.ledger.holds import release as end
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    with open_ledger(read_settings()) as ledger:
        end(ledger.connection, hold_id, actor=actor)
    click.echo(f"hold {hold_id} is released")


def _hold(scope: HoldScope, target: str, reason: str, lasts: timedelta | None, actor: str) -> None:
    from herold.cli.output import note
    from herold.ledger.holds import hold as begin
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    with open_ledger(read_settings()) as ledger:
        target, unknown = _target(ledger.connection, scope, target)
        number = begin(ledger.connection, scope, target, reason=reason, actor=actor, lasts=lasts)
    what = f"{scope.lower()} {target}" if target else "everything"
    click.echo(f"hold {number}: {what} is held" + (f" for {span(lasts)}" if lasts else " until it is released"))
    if unknown:
        note(f"note: the ledger does not know this {scope.lower()} yet; the hold waits for it")


def _target(connection: Connection, scope: HoldScope, target: str) -> tuple[str, bool]:
    """As the claim compares it, and whether the ledger knows nothing of that name. Raises InvalidInput, NotFound."""
    from herold.errors import InvalidInput, Mistake
    from herold.ledger.lookup import full_name, is_known
    from herold.resources.scalars import DOMAIN_PATTERN, NAME_PATTERN

    def wrong(message: str, fix: str) -> InvalidInput:
        return InvalidInput([Mistake("command line", 0, 0, scope, message, fix)], what="hold")

    if scope == "Everything":
        return "", False
    if scope == "Domain":
        try:
            target = target.encode("idna").decode("ascii").lower()
        except UnicodeError:
            target = ""
        if not re.fullmatch(DOMAIN_PATTERN, target):
            raise wrong("this is not a domain", "write it like mail.example.com, without what stands before the @")
        return target, False
    if scope == "Team":
        if not re.fullmatch(NAME_PATTERN, target):
            raise wrong("this is not the name of a namespace", "write it like campaigns-shop")
        return target, not is_known(connection, scope, target)
    target = full_name(connection, "run" if scope == "Campaign" else "sender", target)
    namespace, slash, name = target.partition("/")
    if not slash:
        raise wrong(f"the ledger knows no {scope.lower()} of this name", f"write it as namespace/{name or namespace}")
    if not all(re.fullmatch(NAME_PATTERN, part.removesuffix("~proof")) for part in (namespace, name)):
        raise wrong("this is not a name", "write it like campaigns-shop/spring-sale")
    return target, not is_known(connection, scope, target)
