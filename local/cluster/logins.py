"""The database's logins: one for each kind of workload, each with a Secret in the one namespace where it works.

A password is made once on the cluster and stays; what a login may do is set anew by every `make up`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from local.cluster.layout import PLATFORM_NAMESPACE, SENDERS_NAMESPACE

from herold.ledger.logins import ALL_BRANDS, build_binding, build_login
from herold.ledger.roles import ROLES, build_database_grants, build_groups

DATABASE = OWNER = "herold"


@dataclass(frozen=True)
class Login:
    """`secret` in `namespace` has its `url` and `password`; `roles` are those of herold.ledger.roles.

    The rows of its `brands` exist for it. The owner of the schema has neither: it may all.
    """

    name: str
    secret: str
    namespace: str
    roles: tuple[str, ...]
    brands: tuple[str, ...] = (ALL_BRANDS,)

    def data(self, password: str, host: str) -> dict[str, str]:
        """What its Secret holds."""
        return {"url": f"postgresql://{self.name}:{password}@{host}:5432/{DATABASE}", "password": password}


def build_logins(brands: Iterable[str]) -> tuple[Login, ...]:
    """All of them: the owner of the schema first, who migrates; then the workloads, workers by brand."""
    platform = PLATFORM_NAMESPACE
    return (
        Login(OWNER, "herold-database", platform, ()),
        Login("pod_operator", "herold-database-operator", platform, ("operator",)),
        Login("pod_builder", "herold-database-builder", SENDERS_NAMESPACE, ("builder",)),
        Login("pod_reader", "herold-database-reader", platform, ("reader",)),
        Login("pod_contacts", "herold-database-contacts", platform, ("contacts",)),
        *(
            Login(_worker(brand), f"herold-database-worker-{brand}", SENDERS_NAMESPACE, ("worker",), (brand,))
            for brand in sorted(brands)
        ),
    )


# For psql, which runs each answer of \gexec as a statement, and quotes names and passwords itself.
_MAKE_LOGIN = r"""
SELECT format('CREATE ROLE %I LOGIN', :'login') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'login') \gexec
ALTER ROLE :"login" PASSWORD :'password';
"""
_MAKE_DATABASE = r"""
SELECT format('CREATE DATABASE %I OWNER %I', :'database', :'owner')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
"""


def build_script(logins: Iterable[Login], passwords: Mapping[str, str]) -> str:
    """For psql, as the cluster's administrator: the database with its owner, groups, logins. It may run again.

    Passwords are in the script, which goes in by standard input.
    """
    lines = [build_groups()]
    for login in logins:
        lines += [f"\\set login {login.name}", f"\\set password {passwords[login.name]}", _MAKE_LOGIN]
    lines += [f"\\set database {DATABASE}", f"\\set owner {OWNER}", _MAKE_DATABASE]
    lines += [f"{statement};" for statement in build_database_grants(DATABASE, OWNER)]
    for login in logins:
        roles = [role for role in ROLES if role.name in login.roles]
        if roles:
            lines += [f"{each};" for each in build_login(login.name, roles, database=DATABASE, verifier=None)]
            # Whatever it was before, the owner it is not.
            lines += [f"REVOKE {OWNER} FROM {login.name};", f"ALTER ROLE {login.name} RESET ALL;"]
    return "\n".join(lines) + "\n"


def build_bindings(logins: Iterable[Login]) -> str:
    """For psql, in the ledger's database once it has its schema: which brands' rows exist for whom."""
    statements = [each for login in logins if login.roles for each in build_binding(login.name, login.brands)]
    return "\n".join([f"\\connect {DATABASE}", "BEGIN;", *(f"{each};" for each in statements), "COMMIT;", ""])


def _worker(brand: str) -> str:
    return f"pod_worker_{brand.replace('-', '_')}"
