"""`herold ledger roles`, `grant`, `revoke`: who may do what with the ledger, and for which brands."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import click

from herold.cli.command import as_format, command

if TYPE_CHECKING:
    from herold.ledger.logins import Login
    from herold.settings import Settings

ROLE_NAMES = ("worker", "builder", "operator", "reader", "contacts")


@command("roles", "herold ledger roles", "herold ledger roles --sql | psql -d herold")
@click.option("--sql", "as_sql", is_flag=True, help="Print what a DBA must run where the owner may not make roles.")
@as_format("table", "json")
def roles(format_: str, *, as_sql: bool) -> None:
    """Roles, one for each kind of workload, and the logins that have one.

    What each role may is in docs/reference/database-roles.md. A login sees the rows of the brands that it is bound to,
    and without any it sees nothing.
    """
    from herold.cli.output import print_json, print_table
    from herold.ledger.logins import logins
    from herold.ledger.roles import ROLES, build_groups, missing_groups
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    settings = read_settings()
    if as_sql:
        click.echo(build_groups(), nl=False)
        _print_sql(_database_statements(settings))
        return
    with open_ledger(settings) as opened:
        missing = missing_groups(opened.connection)
        known = logins(opened.connection)
    rows = [{"role": role.group, "work": role.work, "present": role.group not in missing} for role in ROLES]
    if format_ == "json":
        print_json({"roles": rows, "logins": known})
        return
    print_table(("ROLE", "PRESENT", "WORK"), [(row["role"], row["present"], row["work"]) for row in rows])
    if known:
        click.echo()
        print_table(
            ("LOGIN", "ROLES", "BRANDS", "NOTE"),
            [(each.name, ", ".join(each.roles), ", ".join(each.brands), _note(each)) for each in known],
        )


@command(
    "grant",
    "herold ledger grant shop_worker --role worker --brand shop --password-file /run/secrets/shop-worker",
    "herold ledger grant operator_1 --role operator --brand '*'",
)
@click.argument("login")
@click.option("--role", "names", type=click.Choice(ROLE_NAMES), multiple=True, required=True, help="May be repeated.")
@click.option("--brand", "brands", multiple=True, required=True, help="Whose rows it sees; may be repeated. '*': all.")
@click.option(
    "--password-file",
    type=click.File("r"),
    help="File with its password, - for standard input; else the password stays as it is.",
)
def grant(login: str, names: tuple[str, ...], brands: tuple[str, ...], password_file: IO[str] | None) -> None:
    """Make a login, or change one: it has these roles and brands afterwards, and no others.

    Run it as the owner of the schema. Where that user may not make roles, what a DBA must run is printed, with the
    password as PostgreSQL keeps it.
    """
    from herold.cli.output import note
    from herold.ledger.logins import grant_login
    from herold.ledger.roles import ROLES
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    password = None if password_file is None else password_file.read().rstrip("\r\n")
    wanted = tuple(role for role in ROLES if role.name in names)
    with open_ledger(read_settings()) as opened:
        undone = grant_login(opened.connection, login, wanted, brands, password=password)
    if undone:
        note(f"{login} is bound to its brands; a DBA must run the rest, which is on standard output")
        _print_sql(undone)
    else:
        click.echo(f"{login}: {', '.join(role.group for role in wanted)}; brands: {', '.join(sorted(set(brands)))}")


@command("revoke", "herold ledger revoke shop_worker")
@click.argument("login")
def revoke(login: str) -> None:
    """Take a login's brands and roles. It sees nothing from now on, also in sessions that are open."""
    from herold.cli.output import note
    from herold.ledger.logins import revoke_login
    from herold.processes.ledger import open_ledger
    from herold.settings import read_settings

    with open_ledger(read_settings()) as opened:
        undone = revoke_login(opened.connection, login)
    if undone:
        note(f"{login} sees nothing any more; a DBA must run the rest, which is on standard output")
        _print_sql(undone)
    else:
        click.echo(f"{login} sees nothing and may do nothing here any more")


def _note(login: Login) -> str:
    if not login.exists:
        return "no such login"
    return "" if login.brands else "sees nothing"


def _print_sql(statements: list[str]) -> None:
    for statement in statements:
        click.echo(f"{statement};")


def _database_statements(settings: Settings) -> list[str]:
    """What the owner of the database does, where the settings name one."""
    from psycopg.conninfo import conninfo_to_dict

    from herold.ledger.roles import build_database_grants

    named = conninfo_to_dict(settings.database_url) if settings.database_url else {}
    database, owner = named.get("dbname"), named.get("user")
    return build_database_grants(str(database), str(owner)) if database and owner else []
