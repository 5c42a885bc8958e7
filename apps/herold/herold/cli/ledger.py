"""`herold ledger`: the database itself."""

from __future__ import annotations

from collections.abc import Callable

import click

from herold.cli.command import Group, as_format, confirm, with_actor, with_yes
from herold.cli.logins import grant, revoke, roles


@click.group("ledger", cls=Group, examples=("herold ledger migrate", "herold ledger check"))
def ledger() -> None:
    """Make, check and accept the ledger; give logins their rights.

    Without HEROLD_DATABASE_URL the embedded PostgreSQL is the ledger; it is made and migrated by itself.
    """


@ledger.command("migrate", examples=("HEROLD_DATABASE_URL=postgresql://… herold ledger migrate",))
def migrate() -> None:
    """Bring a database to the schema of this program, and make a new one this installation's own.

    As the owner of the schema. Each kind of workload has a database role, which gets its rights here; where the owner
    may not make roles, the SQL that a DBA must run is said.
    """
    from herold.cli.output import note
    from herold.ledger.database import SCHEMA_VERSION, connect
    from herold.ledger.database import migrate as apply
    from herold.ledger.installation import adopt, read_key
    from herold.ledger.roles import apply_grants
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    settings = read_settings()
    applied: list[int] = []
    undone: list[str] = []
    if settings.database_url is None:
        with open_ledger(settings):
            pass
    else:
        key = read_key(settings)
        with connect(settings.database_url) as connection, connection.transaction():
            applied = apply(connection)
            adopt(connection, settings, key)
            # In one transaction: what is new is nobody's before its rights are.
            undone = apply_grants(connection)
    what = f"applied {', '.join(map(str, applied))}" if applied else "nothing to do"
    click.echo(f"{what}; the ledger of {settings.installation} ({settings.environment}) has schema {SCHEMA_VERSION}")
    if undone:
        note("the database roles are not complete, and this user may not make them; the owner of the schema may all")
        note("  hint: a DBA runs `herold ledger roles --sql | psql`, then run herold ledger migrate again")


@ledger.command("check", examples=("herold ledger check", "herold ledger check -o json"))
@as_format("table", "json")
def check(format_: str) -> None:
    """Would a worker send from this ledger? Names every guard and what it says; exit code 4 if one says no."""
    from herold.cli.output import print_json, print_table
    from herold.errors import Refused
    from herold.ledger.fence import check_fence
    from herold.ledger.installation import check_durability
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings
    from herold.worker.evidence import remembered

    settings = read_settings()
    refused: list[Refused] = []
    rows: list[dict[str, str | None]] = []

    def ask(guard: str, question: Callable[[], None]) -> None:
        try:
            question()
        except Refused as error:
            refused.append(error)
            rows.append({"guard": guard, "verdict": error.reason, "hint": error.hint})
        else:
            rows.append({"guard": guard, "verdict": "ok", "hint": None})

    with open_ledger(settings) as opened:  # asks for the schema and the owner
        ask("schema, owner", lambda: None)
        ask("durability", lambda: check_durability(opened.connection, settings))
        ask("fence", lambda: check_fence(opened.connection, settings.fence_file, remembered(settings.evidence_dir)))
    if format_ == "json":
        print_json({"ok": not refused, "guards": rows})
    else:
        print_table(("GUARD", "VERDICT"), [(row["guard"], row["verdict"]) for row in rows])
    if refused:
        raise refused[0]


@ledger.command("accept", examples=('herold ledger accept --reason "restored from the backup of Monday"',))
@click.option("--reason", required=True, help="Why the ledger may be taken as it is.")
@with_actor
@with_yes
def accept(reason: str, actor: str, *, yes: bool) -> None:
    """Take a ledger that went backwards as it is, so that sending goes on.

    What was sent since the backup is not in it, and would be sent again: find out first what the relay accepted.
    """
    from herold.ledger.fence import accept_ledger
    from herold.ledger.lookup import regressed
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    settings = read_settings()
    with open_ledger(settings) as opened:
        why = regressed(opened.connection)
        told = f"The ledger went backwards: {why}." if why else "Nobody found the ledger going backwards."
        confirm(f"{told} Take it as it is, and send from it?", yes=yes)
        accept_ledger(opened.connection, settings.fence_file, actor=actor, reason=reason)
    click.echo("accepted: workers send from this ledger again")


for each in (roles, grant, revoke):
    ledger.add_command(each)
