"""Nodes of a cluster: one role, one template a group, and groups that scale between their bounds."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, eks, iam

from herold_infra.aws.cluster_settings import NodeGroupSettings
from herold_infra.aws.documents import Statement, build_document
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component

# A read-only system made to run containers: no shell, no package manager, updated as a whole.
IMAGE = "BOTTLEROCKET_x86_64"
SYSTEM_DISK, DATA_DISK = "/dev/xvda", "/dev/xvdb"
MANAGED = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")


@dataclass(frozen=True)
class NodesArgs:
    """What the nodes of a cluster are made from."""

    place: Place
    groups: tuple[NodeGroupSettings, ...]
    cluster: pulumi.Output[str]
    version: str
    network: Network
    keys: Keys


class Nodes(Component):
    """Output: `role_arn`, which every node has."""

    def __init__(self, args: NodesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Nodes", args.place.logical("nodes"), opts)
        self._args, self._place = args, args.place
        role = self._make_role()
        self.role_arn = role.arn
        for group in args.groups:
            self._make_group(group, role)
        self.register_outputs({"roleArn": self.role_arn})

    def _make_role(self) -> iam.Role:
        place = self._place
        # EC2 takes it for its own instances only; its trust knows no account.
        trust = build_document(Statement("Assume", ("sts:AssumeRole",), principals={"Service": ["ec2.amazonaws.com"]}))
        role = iam.Role(
            place.logical("nodes"),
            name=place.worldwide("nodes"),
            assume_role_policy=trust,
            tags=place.tags("nodes", Data.OPERATIONAL),
            opts=self.inside(),
        )
        for policy in MANAGED:
            iam.RolePolicyAttachment(
                place.logical(f"nodes-{policy}"),
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/{policy}",
                opts=self.inside(),
            )
        return role

    def _make_group(self, group: NodeGroupSettings, role: iam.Role) -> None:
        place, thing = self._place, f"nodes-{group.name}"
        template = self._make_template(group, thing)
        eks.NodeGroup(
            place.logical(thing),
            region=place.region,
            cluster_name=self._args.cluster,
            node_group_name=group.name,
            node_role_arn=role.arn,
            subnet_ids=list(self._args.network.application),
            ami_type=IMAGE,
            version=self._args.version,
            capacity_type=group.capacity,
            instance_types=list(group.instance_types),
            scaling_config={"min_size": group.least, "max_size": group.most, "desired_size": group.least},
            update_config={"max_unavailable_percentage": 25},
            node_repair_config={"enabled": True},
            launch_template={"id": template.id, "version": template.latest_version.apply(str)},
            labels={"herold.dev/nodes": group.name},
            taints=[{"key": "herold.dev/only", "value": group.taint, "effect": "NO_SCHEDULE"}] if group.taint else [],
            tags=place.tags(thing, Data.PERSONAL, Zone.APPLICATION),
            # The autoscaler's to change.
            opts=pulumi.ResourceOptions.merge(
                self.inside(), pulumi.ResourceOptions(ignore_changes=["scalingConfig.desiredSize"])
            ),
        )

    def _make_template(self, group: NodeGroupSettings, thing: str) -> ec2.LaunchTemplate:
        place = self._place
        tags = place.tags(thing, Data.PERSONAL, Zone.APPLICATION)
        return ec2.LaunchTemplate(
            place.logical(thing),
            region=place.region,
            name=place.name(thing),
            update_default_version=True,
            # One hop: a pod can't take the node's identity.
            metadata_options={"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 1},
            block_device_mappings=[
                _disk(SYSTEM_DISK, 4, self._args.keys),
                _disk(DATA_DISK, group.disk_gib, self._args.keys),
            ],
            monitoring={"enabled": True},
            tag_specifications=[
                {"resource_type": "instance", "tags": tags},
                {"resource_type": "volume", "tags": tags},
            ],
            tags=tags,
            opts=self.inside(),
        )


def _disk(device: str, gib: int, keys: Keys) -> ec2.LaunchTemplateBlockDeviceMappingArgsDict:
    return {
        "device_name": device,
        "ebs": {
            "volume_type": "gp3",
            "volume_size": gib,
            "encrypted": "true",
            "kms_key_id": keys.personal.arn,
            "delete_on_termination": "true",
        },
    }
