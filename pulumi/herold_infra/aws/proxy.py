"""The way to the database: a pool that survives a failover, asks everybody who they are, and speaks TLS only."""

from __future__ import annotations

import pulumi
from pulumi_aws import iam, rds, secretsmanager

from herold_infra.aws.documents import build_document, build_trust
from herold_infra.aws.firewall import Group, Peer, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.logins import Login
from herold_infra.aws.network import Network
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.aws.vault import build_reading
from herold_infra.component import Component

PORT = 5432
IDLE_SECONDS = 1800


def make_proxy(
    owner: Component,
    place: Place,
    network: Network,
    keys: Keys,
    cluster: rds.Cluster,
    database: Group,
    secret_arn: pulumi.Output[str],
    clients: dict[str, pulumi.Output[str]],
    logins: tuple[tuple[Login, secretsmanager.Secret], ...],
) -> pulumi.Output[str]:
    """The endpoint of the proxy. Only it reaches the database, and only `clients` reach it.

    People come by IAM, as the administrator. Workloads have a password each, which the proxy checks and passes on.
    """
    group = make_group(owner, place, "ledger-proxy", "The way to the ledger", network.vpc_id, Zone.DATA, Data.PERSONAL)
    for client, client_group in clients.items():
        group.let_in(f"from-{client}", Peer(group=client_group), PORT)
    group.let_out("to-ledger", Peer(group=database.id), PORT)
    database.let_in("from-proxy", Peer(group=group.id), PORT)
    role = _make_role(owner, place, logins)
    people: rds.ProxyAuthArgsDict = {"auth_scheme": "SECRETS", "iam_auth": "REQUIRED", "secret_arn": secret_arn}
    workloads: list[rds.ProxyAuthArgsDict] = [
        {
            "auth_scheme": "SECRETS",
            "iam_auth": "DISABLED",
            "client_password_auth_type": "POSTGRES_SCRAM_SHA_256",
            "description": login.user,
            "secret_arn": secret.arn,
        }
        for login, secret in logins
    ]
    proxy = rds.Proxy(
        place.logical("ledger"),
        region=place.region,
        name=place.name("ledger"),
        engine_family="POSTGRESQL",
        role_arn=role.arn,
        require_tls=True,
        # Statements may hold addresses.
        debug_logging=False,
        idle_client_timeout=IDLE_SECONDS,
        auths=[people, *workloads],
        vpc_subnet_ids=list(network.data),
        vpc_security_group_ids=[group.id],
        tags=place.tags("ledger", Data.PERSONAL, Zone.DATA),
        opts=owner.inside(),
    )
    target = rds.ProxyDefaultTargetGroup(
        place.logical("ledger"),
        region=place.region,
        db_proxy_name=proxy.name,
        connection_pool_config={"max_connections_percent": 80, "connection_borrow_timeout": 30},
        opts=owner.inside(),
    )
    rds.ProxyTarget(
        place.logical("ledger"),
        region=place.region,
        db_proxy_name=proxy.name,
        target_group_name=target.name,
        db_cluster_identifier=cluster.cluster_identifier,
        opts=owner.inside(),
    )
    return proxy.endpoint


def _make_role(owner: Component, place: Place, logins: tuple[tuple[Login, secretsmanager.Secret], ...]) -> iam.Role:
    """It reads the database's secrets and no others."""
    role = iam.Role(
        place.logical("ledger-proxy"),
        name=place.worldwide("ledger-proxy"),
        assume_role_policy=build_trust("rds.amazonaws.com", place.account),
        tags=place.tags("ledger-proxy", Data.OPERATIONAL),
        opts=owner.inside(),
    )
    names = (place.name("ledger-administrator"), *(login.path for login, _ in logins))
    iam.RolePolicy(
        place.logical("ledger-proxy"),
        name="read",
        role=role.name,
        policy=build_document(*build_reading(place, *names)),
        opts=owner.inside(),
    )
    return role
