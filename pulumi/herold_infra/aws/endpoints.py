"""Private ways to AWS's own services: calls of them never cross the internet, and the data zone needs no route."""

from __future__ import annotations

import pulumi
from pulumi_aws import ec2

from herold_infra.aws.documents import Statement, build_document
from herold_infra.aws.firewall import Peer, make_group
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component

INTERFACES = (
    *("ecr.api", "ecr.dkr", "sts", "logs", "secretsmanager", "kms", "ec2", "eks-auth", "sqs"),
    # What Grafana asks has no other way to it.
    *("aps-workspaces", "monitoring"),
)
HTTPS = 443


def make_endpoints(
    owner: Component,
    place: Place,
    vpc_id: pulumi.Output[str],
    cidr: str,
    tables: list[pulumi.Output[str]],
    subnets: tuple[pulumi.Output[str], ...],
) -> None:
    """A gateway for S3 in the route tables, an interface in the application subnets for each of the others."""
    group = make_group(
        owner,
        place,
        "endpoints",
        "AWS by private addresses, from here only",
        vpc_id,
        Zone.APPLICATION,
        Data.OPERATIONAL,
    )
    group.let_in("https", Peer(cidr=cidr), HTTPS)
    ec2.VpcEndpoint(
        place.logical("endpoint-s3"),
        region=place.region,
        vpc_id=vpc_id,
        service_name=f"com.amazonaws.{place.region}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=list(tables),
        policy=build_s3_policy(place),
        tags=place.tags("endpoint-s3", Data.OPERATIONAL),
        opts=owner.inside(),
    )
    for service in INTERFACES:
        thing = f"endpoint-{service.replace('.', '-')}"
        ec2.VpcEndpoint(
            place.logical(thing),
            region=place.region,
            vpc_id=vpc_id,
            service_name=f"com.amazonaws.{place.region}.{service}",
            vpc_endpoint_type="Interface",
            subnet_ids=list(subnets),
            security_group_ids=[group.id],
            private_dns_enabled=True,
            policy=build_document(_ours(place)),
            tags=place.tags(thing, Data.OPERATIONAL, Zone.APPLICATION),
            opts=owner.inside(),
        )


def build_s3_policy(place: Place) -> str:
    """Our own identities, and the layers of images, which ECR hands out from buckets of its own."""
    layers = Statement(
        "ImageLayers",
        ("s3:GetObject",),
        (f"arn:aws:s3:::prod-{place.region}-starport-layer-bucket/*",),
        {"AWS": ["*"]},
    )
    return build_document(_ours(place), layers)


def _ours(place: Place) -> Statement:
    # An endpoint grants nothing: it narrows what a stolen key of somebody else could do through our network.
    return Statement(
        "OurAccount",
        ("*:*",),
        ("*",),
        {"AWS": ["*"]},
        {"StringEquals": {"aws:PrincipalAccount": place.account}},
    )
