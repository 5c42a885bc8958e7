"""Identities of pods: a role that one service account of one cluster may take, by EKS Pod Identity."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import eks, iam

from herold_infra.aws.cluster import Cluster, build_pod_trust
from herold_infra.aws.documents import Statement, build_document
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component


@dataclass(frozen=True)
class ServiceAccount:
    """Of pods in a cluster; Git makes it."""

    namespace: str
    name: str


def make_pod_role(
    owner: Component, place: Place, cluster: Cluster, account: ServiceAccount, thing: str, *statements: Statement
) -> pulumi.Output[str]:
    """The ARN of a role with these rights and no others, bound to a service account."""
    role = iam.Role(
        place.logical(thing),
        name=place.worldwide(thing),
        assume_role_policy=build_pod_trust(place, place.name("main")),
        tags=place.tags(thing, Data.OPERATIONAL),
        opts=owner.inside(),
    )
    iam.RolePolicy(
        place.logical(thing),
        name="work",
        role=role.name,
        policy=build_document(*statements),
        opts=owner.inside(),
    )
    eks.PodIdentityAssociation(
        place.logical(thing),
        region=place.region,
        cluster_name=cluster.name,
        namespace=account.namespace,
        service_account=account.name,
        role_arn=role.arn,
        tags=place.tags(thing, Data.OPERATIONAL),
        opts=owner.inside(),
    )
    return role.arn
