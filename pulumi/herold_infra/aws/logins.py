"""Logins of the ledger: one for each kind of work, and one of the workers for each brand.

Their passwords are drawn here; `herold ledger grant` makes the logins in the database, with just the rights of their
work (docs/reference/database-roles.md). Nobody but the proxy and the pods of that work can read one.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import pulumi
from pulumi_aws import secretsmanager

from herold_infra.aws.vault import Shelf, fill_secret, make_secret, path_of
from herold_infra.component import Component

BYTES = 32
PORT = 5432
DATABASE = "herold"
# Debian's bundle, which the image has. Not `system`: the libpq that comes with psycopg looks elsewhere for that one.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
PLATFORM, SENDERS = "herold-platform", "herold-senders"


@dataclass(frozen=True)
class Login:
    """`user` in PostgreSQL; `path` of its secret, which holds `username`, `password` and `url`."""

    user: str
    path: str


def plan_logins(brands: tuple[str, ...]) -> tuple[Login, ...]:
    """All of them: the owner of the schema, who migrates; then the workloads."""
    return (
        Login("herold", path_of(PLATFORM, "herold-database")),
        Login("pod_operator", path_of(PLATFORM, "herold-database-operator")),
        Login("pod_reader", path_of(PLATFORM, "herold-database-reader")),
        Login("pod_contacts", path_of(PLATFORM, "herold-database-contacts")),
        Login("pod_builder", path_of(SENDERS, "herold-database-builder")),
        *(
            Login(f"pod_worker_{brand.replace('-', '_')}", path_of(SENDERS, f"herold-database-worker-{brand}"))
            for brand in sorted(brands)
        ),
    )


def make_login_secrets(
    owner: Component, shelf: Shelf, logins: tuple[Login, ...]
) -> tuple[tuple[Login, secretsmanager.Secret], ...]:
    """Their secrets, still empty: the proxy is made with them, and their content names the proxy."""
    return tuple(
        (login, make_secret(owner, shelf, login.path, f"Login {login.user} of the ledger")) for login in logins
    )


def fill_login_secrets(
    owner: Component,
    shelf: Shelf,
    made: tuple[tuple[Login, secretsmanager.Secret], ...],
    endpoint: pulumi.Output[str],
) -> None:
    """Draw the passwords. `endpoint`: the host that workloads connect to."""
    for login, secret in made:
        password = pulumi.Output.secret(secrets.token_urlsafe(BYTES))
        fill_secret(owner, shelf, login.path, secret, _content(login.user, endpoint, password))


def _content(user: str, endpoint: pulumi.Output[str], password: pulumi.Output[str]) -> pulumi.Output[dict[str, str]]:
    return pulumi.Output.all(endpoint, password).apply(lambda found: build_content(user, str(found[0]), str(found[1])))


def build_content(user: str, host: str, password: str) -> dict[str, str]:
    """What the secret of a login holds: for the proxy a user and a password, for the pod one connection string.

    The proxy's certificate is checked against the authorities of the system: AWS's own are among them.
    """
    url = f"postgresql://{user}:{password}@{host}:{PORT}/{DATABASE}?sslmode=verify-full&sslrootcert={AUTHORITIES}"
    return {"username": user, "password": password, "url": url}
