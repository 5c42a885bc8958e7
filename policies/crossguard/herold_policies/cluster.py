"""Rules for clusters and their nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator

from herold_policies.graph import Graph
from herold_policies.rule import Violation, cis, fsbp, gdpr, pci, rule

CLUSTER = "eks/cluster:Cluster"
ADDON = "eks/addon:Addon"
TEMPLATE = "ec2/launchTemplate:LaunchTemplate"
LOGS = {"api", "audit", "authenticator", "controllerManager", "scheduler"}


@rule("A cluster's API is reached from inside its network only", pci("1.3.1"), fsbp("EKS.1"), kinds=(CLUSTER,))
def cluster_api_is_private(graph: Graph) -> Iterator[Violation]:
    """A public endpoint; AWS makes one where nobody says anything."""
    for cluster in graph.of(CLUSTER):
        if cluster.get("vpcConfig.endpointPublicAccess") is not False:
            yield Violation(cluster, "must say vpcConfig.endpointPublicAccess: false")
        if cluster.get("vpcConfig.endpointPrivateAccess") is not True:
            yield Violation(cluster, "must say vpcConfig.endpointPrivateAccess: true")


@rule("A cluster's secrets are encrypted with our key", pci("3.5.1"), gdpr("32(1)(a)"), fsbp("EKS.3"), kinds=(CLUSTER,))
def cluster_secrets_are_encrypted(graph: Graph) -> Iterator[Violation]:
    """Secrets that lie in etcd as they are."""
    for cluster in graph.of(CLUSTER):
        if cluster.get("encryptionConfig.resources") != ["secrets"]:
            yield Violation(cluster, "must say encryptionConfig.resources: [secrets]")
        if cluster.get("encryptionConfig.provider.keyArn") is None:
            yield Violation(cluster, "must say encryptionConfig.provider.keyArn")


@rule("Everything that a cluster's control plane does is logged", pci("10.2.1"), fsbp("EKS.8"), kinds=(CLUSTER,))
def cluster_is_logged(graph: Graph) -> Iterator[Violation]:
    """A kind of log that is off, as all are by default."""
    for cluster in graph.of(CLUSTER):
        logs = cluster.get("enabledClusterLogTypes")
        if missing := LOGS - set(logs if isinstance(logs, list) else ()):
            yield Violation(cluster, f"must log {', '.join(sorted(missing))} too")


@rule(
    "Who may enter a cluster is written in access entries, and its maker gets nothing by making it",
    pci("7.2.5"),
    pci("8.2.1"),
    kinds=(CLUSTER,),
)
def cluster_access_is_declared(graph: Graph) -> Iterator[Violation]:
    """Access by the aws-auth ConfigMap, which nobody reviews, or left over from the cluster's making."""
    for cluster in graph.of(CLUSTER):
        if cluster.get("accessConfig.authenticationMode") != "API":
            yield Violation(cluster, "must say accessConfig.authenticationMode: API")
        if cluster.get("accessConfig.bootstrapClusterCreatorAdminPermissions") is not False:
            yield Violation(cluster, "must say accessConfig.bootstrapClusterCreatorAdminPermissions: false")


@rule("A cluster's network enforces who may talk to whom", pci("1.3.1"), pci("1.3.2"), kinds=(CLUSTER, ADDON))
def cluster_enforces_network_policies(graph: Graph) -> Iterator[Violation]:
    """A network that takes network policies and lets everything through, as AWS's does by default."""
    for cluster in graph.of(CLUSTER):
        addons = [
            addon for addon in graph.pointing(ADDON, "clusterName", cluster) if addon.get("addonName") == "vpc-cni"
        ]
        if not addons:
            yield Violation(cluster, "must have the add-on vpc-cni, with enableNetworkPolicy")
        for addon in addons:
            if not _enforces(addon.get("configurationValues")):
                yield Violation(addon, 'must say configurationValues: {"enableNetworkPolicy": "true"}')


def _enforces(text: object) -> bool:
    try:
        values = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return False
    return isinstance(values, dict) and values.get("enableNetworkPolicy") in ("true", True)


@rule(
    "Instances give their identity only to who asks with a token, from the instance itself (IMDSv2)",
    pci("2.2.6"),
    cis("5.6"),
    fsbp("EC2.8"),
    fsbp("EC2.170"),
    kinds=(TEMPLATE, "eks/nodeGroup:NodeGroup", "ec2/instance:Instance"),
)
def metadata_wants_a_token(graph: Graph) -> Iterator[Violation]:
    """Instances whose metadata answers without a token, or node groups without a template that says so."""
    for node in graph.of(TEMPLATE, "ec2/instance:Instance"):
        if node.get("metadataOptions.httpTokens") != "required":
            yield Violation(node, "must say metadataOptions.httpTokens: required")
        if node.get("metadataOptions.httpPutResponseHopLimit") != 1:
            yield Violation(node, "must say metadataOptions.httpPutResponseHopLimit: 1")
    for group in graph.of("eks/nodeGroup:NodeGroup"):
        if group.get("launchTemplate") is None:
            yield Violation(group, "must have a launchTemplate: without one AWS chooses how metadata answers")


@rule(
    "Every disk of an instance is encrypted with our key",
    pci("3.5.1"),
    gdpr("32(1)(a)"),
    fsbp("EC2.3"),
    kinds=(TEMPLATE, "ebs/volume:Volume"),
)
def disks_are_encrypted(graph: Graph) -> Iterator[Violation]:
    """A disk that does not say so, or a template that leaves its disks to the image."""
    for template in graph.of(TEMPLATE):
        disks = template.get("blockDeviceMappings")
        if not disks:
            yield Violation(template, "must list its disks in blockDeviceMappings")
        for disk in disks or ():
            ebs = disk.get("ebs") or {}
            if ebs.get("encrypted") != "true" or ebs.get("kmsKeyId") is None:
                yield Violation(template, f"{disk.get('deviceName')} must say ebs.encrypted: true and ebs.kmsKeyId")
    for volume in graph.of("ebs/volume:Volume"):
        if volume.get("encrypted") is not True or volume.get("kmsKeyId") is None:
            yield Violation(volume, "must say encrypted: true and kmsKeyId")


@rule(
    "What runs in a cluster is pinned, and changes with a commit",
    pci("2.2.1"),
    pci("6.5.1"),
    kinds=(CLUSTER, ADDON, "eks/nodeGroup:NodeGroup"),
)
def cluster_versions_are_pinned(graph: Graph) -> Iterator[Violation]:
    """A version that AWS would choose on the day."""
    for node in graph.of(CLUSTER, "eks/nodeGroup:NodeGroup"):
        if node.get("version") is None:
            yield Violation(node, "must say its version")
    for addon in graph.of(ADDON):
        if addon.get("addonVersion") is None:
            yield Violation(addon, "must say its addonVersion")
