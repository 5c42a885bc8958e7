"""A stack in a page of text: which resources, which of them are protected, and the settings that a reviewer asks for.

Kept in the repository, so that a change of a stack is seen as a change of its summary.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.cluster.layout import CHECKOUT
from local.engine.diagram import draw
from local.engine.recording import Recorded, record, settings_of

from herold_policies.graph import Node, Unknown

FOLDER = CHECKOUT / "docs" / "reference" / "infrastructure"
STACKS = ("aws-staging", "aws-prod", "local-test")
# What is worth a line, by kind.
FACTS: dict[str, tuple[str, ...]] = {
    "ec2/vpc:Vpc": ("cidrBlock",),
    "ec2/flowLog:FlowLog": ("trafficType",),
    "eks/cluster:Cluster": ("version", "vpcConfig.endpointPublicAccess", "accessConfig.authenticationMode"),
    "eks/nodeGroup:NodeGroup": ("nodeGroupName", "instanceTypes", "scalingConfig"),
    "eks/addon:Addon": ("addonName", "addonVersion"),
    "rds/cluster:Cluster": ("engineVersion", "backupRetentionPeriod"),
    "rds/clusterInstance:ClusterInstance": ("instanceClass",),
    "elasticache/replicationGroup:ReplicationGroup": ("engine", "engineVersion", "nodeType", "numCacheClusters"),
    "mq/broker:Broker": ("engineVersion", "hostInstanceType", "deploymentMode"),
    "vpc/securityGroupIngressRule:SecurityGroupIngressRule": ("description",),
    "lb/listener:Listener": ("port", "protocol", "sslPolicy"),
    "route53/record:Record": ("name", "failoverRoutingPolicies.type"),
    "ec2clientvpn/endpoint:Endpoint": ("clientCidrBlock", "authenticationOptions.type"),
    "ec2/vpnConnection:VpnConnection": ("tunnel1IkeVersions", "presharedKeyStorage"),
    "sesv2/emailIdentity:EmailIdentity": ("emailIdentity",),
    "pinpoint/smsvoicev2PhoneNumber:Smsvoicev2PhoneNumber": ("isoCountryCode", "numberType", "messageType"),
    "backup/vaultLockConfiguration:VaultLockConfiguration": ("minRetentionDays", "changeableForDays"),
    "cloudtrail/trail:Trail": ("isMultiRegionTrail",),
    "guardduty/detectorFeature:DetectorFeature": ("name",),
    "securityhub/standardsSubscription:StandardsSubscription": ("standardsArn",),
    "amp/workspaceConfiguration:WorkspaceConfiguration": ("retentionPeriodInDays",),
    "opensearch/domain:Domain": (
        "engineVersion",
        "clusterConfig.instanceType",
        "clusterConfig.instanceCount",
        "clusterConfig.dedicatedMasterEnabled",
    ),
    "grafana/workspace:Workspace": ("grafanaVersion", "authenticationProviders"),
    "budgets/budget:Budget": ("limitAmount", "limitUnit"),
    "cloudwatch/logGroup:LogGroup": ("name", "retentionInDays"),
    "kubernetes:core/v1:PersistentVolume": ("spec.capacity.storage", "spec.persistentVolumeReclaimPolicy"),
    "kubernetes:apps/v1:StatefulSet": ("spec.replicas",),
}


def summarise(recorded: Recorded) -> str:
    """The page."""
    graph = recorded.graph
    protected = sum(node.protect for node in graph.nodes)
    lines = [f"{graph.stack}: {len(graph.nodes)} resources, {protected} of them protected (*)", ""]
    groups: dict[str, dict[str, list[Node]]] = defaultdict(lambda: defaultdict(list))
    for node in graph.nodes:
        groups[recorded.parents[node.urn].rpartition("::")[2]][node.kind.removeprefix("aws:")].append(node)
    for group in sorted(groups):
        lines.append(group)
        for kind, nodes in sorted(groups[group].items()):
            lines += _describe(kind, nodes)
        lines.append("")
    return "\n".join(lines)


def _describe(kind: str, nodes: list[Node]) -> list[str]:
    mark = "*" if all(node.protect for node in nodes) else " "
    count = f"{len(nodes)} x " if len(nodes) > 1 else ""
    lines = [f"{mark} {count}{kind.rpartition(':')[2]}"]
    for path in FACTS.get(kind, ()):
        values = {_short(node.get(path)) for node in nodes} - {""}
        if values:
            lines.append(f"      {path}: {', '.join(sorted(values))}")
    return lines


def _short(value: Any) -> str:
    if value is None or isinstance(value, Unknown):
        return ""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_short(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list):
        return " ".join(map(_short, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def pages_of(recorded: Recorded) -> dict[Path, str]:
    """What is kept of a stack: its summary and its picture."""
    stack = recorded.graph.stack
    return {FOLDER / f"{stack}.txt": summarise(recorded), FOLDER / f"{stack}.svg": draw(recorded)}


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for stack in STACKS:
        for path, text in pages_of(record(stack, settings_of(stack))).items():
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
