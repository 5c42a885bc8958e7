"""Security groups: closed in both directions until a rule is made, each rule a resource of its own.

Rules inside a group and rules beside it undo each other, so there is one way only.
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, vpc

from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component


@dataclass(frozen=True)
class Peer:
    """The other side of a rule: a range of addresses, a security group, or a list of ranges that AWS keeps."""

    cidr: str | None = None
    group: pulumi.Output[str] | None = None
    prefix_list: pulumi.Output[str] | None = None


@dataclass(frozen=True)
class Group:
    """A security group and the component that owns it."""

    owner: Component
    place: Place
    thing: str
    id: pulumi.Output[str]

    def let_in(self, what: str, peer: Peer, port: int, protocol: str = "tcp") -> None:
        """Let a peer reach one port."""
        vpc.SecurityGroupIngressRule(
            self.place.logical(f"{self.thing}-in-{what}"),
            region=self.place.region,
            security_group_id=self.id,
            description=what,
            ip_protocol=protocol,
            from_port=port,
            to_port=port,
            cidr_ipv4=peer.cidr,
            referenced_security_group_id=peer.group,
            prefix_list_id=peer.prefix_list,
            tags=self.place.tags(f"{self.thing}-in-{what}", Data.OPERATIONAL),
            opts=self.owner.inside(),
        )

    def let_out(self, what: str, peer: Peer, port: int, protocol: str = "tcp") -> None:
        """Let members of the group reach one port of a peer."""
        vpc.SecurityGroupEgressRule(
            self.place.logical(f"{self.thing}-out-{what}"),
            region=self.place.region,
            security_group_id=self.id,
            description=what,
            ip_protocol=protocol,
            from_port=port,
            to_port=port,
            cidr_ipv4=peer.cidr,
            referenced_security_group_id=peer.group,
            prefix_list_id=peer.prefix_list,
            tags=self.place.tags(f"{self.thing}-out-{what}", Data.OPERATIONAL),
            opts=self.owner.inside(),
        )


def make_group(
    owner: Component, place: Place, thing: str, why: str, vpc_id: pulumi.Output[str], zone: Zone, data: Data
) -> Group:
    """A group that lets nothing through yet. Pulumi takes away the rule that AWS gives every new group."""
    group = ec2.SecurityGroup(
        place.logical(thing),
        region=place.region,
        name=place.name(thing),
        description=why,
        vpc_id=vpc_id,
        revoke_rules_on_delete=True,
        tags=place.tags(thing, data, zone),
        opts=owner.inside(),
    )
    return Group(owner, place, thing, group.id)
