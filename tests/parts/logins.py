"""Logins of a test: members of the roles that workloads have, made for one test and gone after it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import make_conninfo

from herold.ledger.database import Connection, connect
from herold.ledger.roles import Role


@contextmanager
def login(owner: Connection, *roles: Role, attributes: str = "") -> Iterator[str]:
    """Connection string of a new login that is a member of `roles`, for the database of `owner`, a superuser."""
    name = f"t_{uuid.uuid4().hex[:16]}"
    database = owner.info.dbname
    owner.execute(f"CREATE ROLE {name} LOGIN {attributes}".encode())
    try:
        owner.execute(f"GRANT CONNECT ON DATABASE {database} TO {name}".encode())
        for role in roles:
            owner.execute(f"GRANT {role.group} TO {name}".encode())
        # The servers of tests trust whoever reaches their socket, whose folder is private.
        yield make_conninfo(owner.info.dsn, user=name)
    finally:
        owner.execute(f"DROP OWNED BY {name} CASCADE".encode())
        owner.execute(f"DROP ROLE {name}".encode())


@contextmanager
def opened(url: str) -> Iterator[Connection]:
    """A connection of a login, as commands open it."""
    connection = connect(url)
    try:
        yield connection
    finally:
        connection.close()
