"""Rotation of the database administrator's password, by the function that AWS publishes for it."""

from __future__ import annotations

import pulumi
from pulumi_aws import secretsmanager, serverlessrepository

from herold_infra.aws.firewall import Group, Peer, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component

DAYS = 30
PORT = 5432
# AWS's own publication; its region is where that is registered, the function runs in ours.
APPLICATION = "arn:aws:serverlessrepo:us-east-1:297356227824:applications/SecretsManagerRDSPostgreSQLRotationSingleUser"
VERSION = "1.1.618"


def make_rotation(
    owner: Component,
    place: Place,
    network: Network,
    keys: Keys,
    instances: list[pulumi.Resource],
    database: Group,
    secret: pulumi.Output[str],
) -> None:
    """At once, and every thirty days. The function reaches the database and AWS's private endpoints, nothing else.

    `instances`: who answers for the database; before them the first rotation would find nobody.
    """
    group = make_group(
        owner, place, "ledger-rotation", "Rotates a password", network.vpc_id, Zone.APPLICATION, Data.CREDENTIAL
    )
    group.let_out("to-ledger", Peer(group=database.id), PORT)
    group.let_out("to-endpoints", Peer(cidr=network.cidr), 443)
    database.let_in("from-rotation", Peer(group=group.id), PORT)
    name = place.name("ledger-rotation")
    function = serverlessrepository.CloudFormationStack(
        place.logical("ledger-rotation"),
        region=place.region,
        name=name,
        application_id=APPLICATION,
        semantic_version=VERSION,
        capabilities=["CAPABILITY_IAM", "CAPABILITY_RESOURCE_POLICY"],
        parameters={
            "endpoint": f"https://secretsmanager.{place.region}.amazonaws.com",
            "functionName": name,
            "vpcSubnetIds": pulumi.Output.all(*network.application).apply(lambda ids: ",".join(map(str, ids))),
            "vpcSecurityGroupIds": group.id,
            "kmsKeyArn": keys.credential.arn,
            # They would have to be escaped in a connection's URL.
            "excludeCharacters": "/@\"'\\:?#[]%",
        },
        tags=place.tags("ledger-rotation", Data.CREDENTIAL),
        opts=owner.inside(after=instances),
    )
    secretsmanager.SecretRotation(
        place.logical("ledger"),
        region=place.region,
        secret_id=secret,
        rotation_lambda_arn=function.outputs.apply(lambda outputs: str(outputs.get("RotationLambdaARN", ""))),
        rotation_rules={"automatically_after_days": DAYS},
        opts=owner.inside(),
    )
