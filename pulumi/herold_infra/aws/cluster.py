"""A cluster: reached from inside the network only, its secrets encrypted once more, each identity named."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, eks, iam

from herold_infra.aws.cluster_settings import ClusterSettings
from herold_infra.aws.documents import Statement, build_document, build_trust
from herold_infra.aws.firewall import Peer, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.nodes import Nodes, NodesArgs
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component

LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")
ACCESS = "arn:aws:eks::aws:cluster-access-policy"
# Add-ons that call AWS, and AWS's own policy for each: by their service account, not by the node's role.
ADDON_IDENTITIES = {
    "vpc-cni": ("aws-node", "AmazonEKS_CNI_Policy"),
    "aws-ebs-csi-driver": ("ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
}
# Without it network policies are accepted and enforced by nobody:
# https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy-configure.html. The chart wants the word as text.
ADDON_SETTINGS = {"vpc-cni": {"enableNetworkPolicy": "true"}}
# They must be there before the first node, or it never becomes ready.
BEFORE_NODES = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")


@dataclass(frozen=True)
class ClusterArgs:
    """What a cluster is made from."""

    place: Place
    settings: ClusterSettings
    network: Network
    keys: Keys


class Cluster(Component):
    """Outputs: `name`, `arn`, `endpoint` (private), `authority`, `group_id`.

    `authority`: the certificate that the API server's own is signed with, as base64. `group_id`: the security group of
    nodes and pods.
    """

    def __init__(self, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Cluster", args.place.logical("cluster"), opts)
        self._args, self._place, self._settings = args, args.place, args.settings
        cluster = self._make_control_plane(args.network, args.keys)
        self.name, self.arn, self.endpoint = cluster.name, cluster.arn, cluster.endpoint
        self.authority = cluster.certificate_authority.apply(lambda authority: str(authority.data))
        self.group_id = cluster.vpc_config.apply(lambda config: str(config.cluster_security_group_id))
        self._let_people_in()
        before = [self._make_addon(addon) for addon in sorted(self._settings.addons) if addon in BEFORE_NODES]
        nodes = Nodes(
            NodesArgs(args.place, args.settings.node_groups, self.name, args.settings.version, args.network, args.keys),
            self.inside(after=list(before)),
        )
        for addon in sorted(set(self._settings.addons) - set(BEFORE_NODES)):
            self._make_addon(addon, after=[nodes])
        self.register_outputs({"name": self.name, "endpoint": self.endpoint})

    def _make_control_plane(self, network: Network, keys: Keys) -> eks.Cluster:
        place, name = self._place, self._place.name("main")
        log = cloudwatch.LogGroup(
            place.logical("cluster"),
            region=place.region,
            # EKS writes to this name; made first, so that it is ours: encrypted, and not kept for ever.
            name=f"/aws/eks/{name}/cluster",
            retention_in_days=self._settings.log_days,
            kms_key_id=keys.operational.arn,
            tags=place.tags("cluster", Data.OPERATIONAL),
            opts=self.kept(),
        )
        role = self._make_role("cluster", build_trust("eks.amazonaws.com", place.account), "AmazonEKSClusterPolicy")
        group = make_group(
            self,
            place,
            "control-plane",
            "The API server's addresses in the network",
            network.vpc_id,
            Zone.APPLICATION,
            Data.OPERATIONAL,
        )
        group.let_in("api-from-network", Peer(cidr=network.cidr), 443)
        return eks.Cluster(
            place.logical("cluster"),
            region=place.region,
            name=name,
            version=self._settings.version,
            role_arn=role.arn,
            deletion_protection=True,
            bootstrap_self_managed_addons=False,
            access_config={"authentication_mode": "API", "bootstrap_cluster_creator_admin_permissions": False},
            enabled_cluster_log_types=list(LOGS),
            encryption_config={"provider": {"key_arn": keys.credential.arn}, "resources": ["secrets"]},
            kubernetes_network_config={"ip_family": "ipv4", "service_ipv4_cidr": self._settings.service_cidr},
            upgrade_policy={"support_type": "STANDARD"},
            vpc_config={
                "subnet_ids": list(network.application),
                "security_group_ids": [group.id],
                "endpoint_private_access": True,
                "endpoint_public_access": False,
            },
            tags=place.tags("cluster", Data.PERSONAL, Zone.APPLICATION),
            opts=self.kept(after=[log]),
        )

    def _make_role(self, thing: str, trust: str, policy: str) -> iam.Role:
        place = self._place
        role = iam.Role(
            place.logical(thing),
            name=place.worldwide(thing),
            assume_role_policy=trust,
            tags=place.tags(thing, Data.OPERATIONAL),
            opts=self.inside(),
        )
        iam.RolePolicyAttachment(
            place.logical(thing), role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}", opts=self.inside()
        )
        return role

    def _let_people_in(self) -> None:
        for rights, policy, roles in (
            ("administrator", "AmazonEKSClusterAdminPolicy", self._settings.administrators),
            ("viewer", "AmazonEKSViewPolicy", self._settings.viewers),
        ):
            for role in roles:
                thing = f"{rights}-{role.rpartition('/')[2]}"
                entry = eks.AccessEntry(
                    self._place.logical(thing),
                    region=self._place.region,
                    cluster_name=self.name,
                    principal_arn=role,
                    type="STANDARD",
                    tags=self._place.tags(thing, Data.OPERATIONAL),
                    opts=self.inside(),
                )
                eks.AccessPolicyAssociation(
                    self._place.logical(thing),
                    region=self._place.region,
                    cluster_name=self.name,
                    principal_arn=role,
                    policy_arn=f"{ACCESS}/{policy}",
                    access_scope={"type": "cluster"},
                    opts=self.inside(after=[entry]),
                )

    def _make_addon(self, addon: str, *, after: list[pulumi.Resource] | None = None) -> eks.Addon:
        identities: list[eks.AddonPodIdentityAssociationArgsDict] = []
        if addon in ADDON_IDENTITIES:
            account, policy = ADDON_IDENTITIES[addon]
            role = self._make_role(f"addon-{addon}", build_pod_trust(self._place, self._place.name("main")), policy)
            identities = [{"role_arn": role.arn, "service_account": account}]
        return eks.Addon(
            self._place.logical(f"addon-{addon}"),
            region=self._place.region,
            cluster_name=self.name,
            addon_name=addon,
            addon_version=self._settings.addons[addon],
            configuration_values=json.dumps(ADDON_SETTINGS[addon]) if addon in ADDON_SETTINGS else None,
            resolve_conflicts_on_create="OVERWRITE",
            resolve_conflicts_on_update="PRESERVE",
            pod_identity_associations=identities,
            tags=self._place.tags(f"addon-{addon}", Data.OPERATIONAL),
            opts=self.inside(after=after),
        )


def build_pod_trust(place: Place, cluster: str) -> str:
    """Pods of one cluster, and of no other one of the account."""
    return build_document(
        Statement(
            "Assume",
            ("sts:AssumeRole", "sts:TagSession"),
            principals={"Service": ["pods.eks.amazonaws.com"]},
            condition={
                "StringEquals": {"aws:SourceAccount": place.account},
                "ArnEquals": {"aws:SourceArn": place.arn("eks", f"cluster/{cluster}")},
            },
        )
    )
