"""Logins of a test: with the roles that workloads have and the brands that they see; gone after the test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from psycopg.conninfo import make_conninfo

from herold.ledger.database import Connection, connect
from herold.ledger.logins import grant_login
from herold.ledger.roles import Role, apply_grants


@contextmanager
def login(owner: Connection, *roles: Role, brands: tuple[str, ...] = ("*",)) -> Iterator[str]:
    """Connection string of a new login for the database of `owner`, whose user is a superuser."""
    assert apply_grants(owner) == []
    name = f"t_{uuid.uuid4().hex[:16]}"
    assert grant_login(owner, name, roles, brands, password=None) == []
    try:
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


@contextmanager
def logged_in(owner: Connection, *roles: Role, brands: tuple[str, ...] = ("*",)) -> Iterator[Connection]:
    """A connection of a new login."""
    with login(owner, *roles, brands=brands) as url, opened(url) as connection:
        yield connection
