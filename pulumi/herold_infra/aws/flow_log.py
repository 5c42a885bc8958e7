"""Who talked to whom in a network: kept, encrypted, and for as long as the settings say."""

from __future__ import annotations

import pulumi
from pulumi_aws import cloudwatch, ec2, iam

from herold_infra.aws.documents import Statement, build_document, build_trust
from herold_infra.aws.keys import Keys
from herold_infra.aws.place import Data, Place
from herold_infra.component import Component


def make_flow_log(owner: Component, place: Place, vpc_id: pulumi.Output[str], keys: Keys, days: int) -> None:
    """All traffic, accepted and refused, by the minute."""
    name = f"/herold/{place.environment}/flow"
    tags = place.tags("flow", Data.OPERATIONAL)
    group = cloudwatch.LogGroup(
        place.logical("flow"),
        region=place.region,
        name=name,
        retention_in_days=days,
        kms_key_id=keys.operational.arn,
        tags=tags,
        opts=owner.kept(),
    )
    role = iam.Role(
        place.logical("flow"),
        name=place.worldwide("flow"),
        assume_role_policy=build_trust("vpc-flow-logs.amazonaws.com", place.account),
        tags=tags,
        opts=owner.inside(),
    )
    written = ("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")
    streams = place.arn("logs", f"log-group:{name}:log-stream:*")
    iam.RolePolicy(
        place.logical("flow"),
        name="write",
        role=role.name,
        policy=build_document(Statement("Write", written, (place.arn("logs", f"log-group:{name}"), streams))),
        opts=owner.inside(),
    )
    ec2.FlowLog(
        place.logical("flow"),
        region=place.region,
        vpc_id=vpc_id,
        traffic_type="ALL",
        log_destination_type="cloud-watch-logs",
        log_destination=group.arn,
        iam_role_arn=role.arn,
        max_aggregation_interval=60,
        tags=tags,
        opts=owner.inside(),
    )
