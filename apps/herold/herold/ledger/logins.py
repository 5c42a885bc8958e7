"""Logins of the database: each a member of the roles of its work, and bound to the brands whose rows exist for it.

A login that is bound to nothing sees nothing, whatever its roles. Bindings are rows of this ledger and hold at once,
also for sessions that are open; logins themselves belong to the whole PostgreSQL cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from herold.errors import InvalidInput, Mistake, NotFound, Refused
from herold.ledger.database import Connection, one
from herold.ledger.roles import ROLES, Role, missing_groups, quoted, try_all
from herold.resources.scalars import NAME_PATTERN

ALL_BRANDS = "*"
SHORTEST_PASSWORD = 12
_NAME = r"[a-z_][a-z0-9_]{0,62}"


@dataclass(frozen=True, slots=True)
class Login:
    """`roles` are names without `herold_`. `exists`: it may have been dropped since it was bound."""

    name: str
    roles: tuple[str, ...]
    brands: tuple[str, ...]
    exists: bool


def build_login(name: str, roles: Iterable[Role], *, database: str, verifier: str | None) -> list[str]:
    """Statements of somebody who may make roles. `verifier` is a password as PostgreSQL keeps it, None leaves it."""
    wanted = set(roles)
    create = f"""DO $$ BEGIN
    CREATE ROLE {quoted(name)} LOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    ALTER ROLE {quoted(name)} LOGIN;
END $$"""
    statements = [create]
    if verifier is not None:
        statements.append(f"ALTER ROLE {quoted(name)} PASSWORD '{verifier}'")
    statements.append(f"GRANT CONNECT ON DATABASE {quoted(database)} TO {quoted(name)}")
    # Always in this order: groups are locked, and somebody else may make a login for a ledger beside this one.
    for role in ROLES:
        statements.append(
            f"GRANT {role.group} TO {quoted(name)}" if role in wanted else f"REVOKE {role.group} FROM {quoted(name)}"
        )
    return statements


def build_binding(name: str, brands: Iterable[str]) -> list[str]:
    """Statements of the schema's owner, for one transaction: these brands and no others."""
    rows = ", ".join(f"('{name}', '{brand}')" for brand in sorted(set(brands)))
    statements = [f"DELETE FROM herold.brand_role WHERE role = '{name}'"]  # noqa: S608 - checked by `check_login`
    return [*statements, f"INSERT INTO herold.brand_role (role, brand) VALUES {rows}"] if rows else statements  # noqa: S608


def check_login(name: str, brands: Iterable[str]) -> None:
    """Raises InvalidInput that names every mistake."""
    mistakes = []
    if not re.fullmatch(_NAME, name) or name.startswith(("pg_", "herold_")):
        message = "is not a name for a login"
        fix = "small letters, digits and _, at most 63, beginning with a letter, and neither pg_ nor herold_"
        mistakes.append(Mistake("command line", 0, 0, "LOGIN", message, fix))
    for brand in brands:
        if brand != ALL_BRANDS and not re.fullmatch(NAME_PATTERN, brand):
            mistakes.append(Mistake("command line", 0, 0, "brand", f"{brand!r} is not a brand", "write it like shop"))
    if mistakes:
        raise InvalidInput(mistakes, what="command line")


def grant_login(
    connection: Connection, name: str, roles: tuple[Role, ...], brands: tuple[str, ...], *, password: str | None
) -> list[str]:
    """Make or change a login: these roles, these brands, no others. As the owner of the schema.

    What somebody else must do, as SQL, where the owner may not make roles: the binding is there already then. Raises
    InvalidInput; Refused for a login that row-level security does not hold, or when the roles are not there.
    """
    check_login(name, brands)
    if missing_groups(connection):
        raise Refused("RolesMissing", "the database roles are not there", hint="run: herold ledger migrate")
    _refuse_unbound(connection, name)
    verifier = None if password is None else _verifier(connection, name, password)
    statements = build_login(name, roles, database=connection.info.dbname, verifier=verifier)
    with connection.transaction():
        done = try_all(connection, statements)
        for statement in build_binding(name, brands):
            connection.execute(statement.encode())
    return [] if done else statements


def revoke_login(connection: Connection, name: str) -> list[str]:
    """Bound to nothing and of no role, at once. What somebody else must do, as SQL. Raises InvalidInput, NotFound."""
    check_login(name, ())
    found = next((login for login in logins(connection) if login.name == name), None)
    if found is None:
        raise NotFound(f"no login {name} has a role or a brand here", hint="see: herold ledger roles")
    groups = [role.group for role in ROLES if role.name in found.roles]
    statements = [f"REVOKE {', '.join(groups)} FROM {quoted(name)}"] if groups else []
    with connection.transaction():
        done = try_all(connection, statements)
        for statement in build_binding(name, ()):
            connection.execute(statement.encode())
    return [] if done else statements


def logins(connection: Connection) -> list[Login]:
    """All that have a role or a brand, by name."""
    rows = connection.execute(
        """SELECT name, array_agg(DISTINCT g.rolname::text) FILTER (WHERE g.rolname IS NOT NULL),
                  array_agg(DISTINCT b.brand) FILTER (WHERE b.brand IS NOT NULL), bool_or(r.oid IS NOT NULL)
           FROM (SELECT role AS name FROM brand_role
                 UNION SELECT m.rolname::text FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member
                 JOIN pg_roles o ON o.oid = a.roleid WHERE m.rolcanlogin AND o.rolname = ANY (%(groups)s)) AS known
           LEFT JOIN pg_roles r ON r.rolname = name
           LEFT JOIN pg_auth_members a ON a.member = r.oid
           LEFT JOIN pg_roles g ON g.oid = a.roleid AND g.rolname = ANY (%(groups)s)
           LEFT JOIN brand_role b ON b.role = name
           GROUP BY name ORDER BY name""",
        {"groups": [role.group for role in ROLES]},
    ).fetchall()
    names = {role.group: role.name for role in ROLES}
    return [
        Login(name, tuple(sorted(names[each] for each in groups or ())), tuple(brands or ()), exists)
        for name, groups, brands, exists in rows
    ]


def _refuse_unbound(connection: Connection, name: str) -> None:
    """Whoever passes row-level security can't be bound by it."""
    free = one(
        connection,
        """SELECT coalesce((SELECT rolsuper OR rolbypassrls OR pg_has_role(oid, relowner, 'MEMBER')
                            FROM pg_roles WHERE rolname = %s), false)
           FROM pg_class WHERE oid = 'herold.run'::regclass""",
        (name,),
    )[0]
    if free:
        raise Refused(
            "SeesEverything",
            f"{name} is a superuser, passes row-level security, or may act as the owner of the schema",
            hint="name a login that is nothing else",
        )


def _verifier(connection: Connection, name: str, password: str) -> str:
    """What the server keeps of a password (SCRAM-SHA-256); the password itself is not sent."""
    if len(password) < SHORTEST_PASSWORD:
        message = f"has {len(password)} characters; a password takes at least {SHORTEST_PASSWORD}"
        raise InvalidInput([Mistake("password file", 0, 0, "", message)], what="password")
    return connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
