"""Rules that hold for every resource: protection, region, tags."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.graph import Graph
from herold_policies.rule import Violation, gdpr, pci, rule

# What holds something that can't be made again from its declaration.
STATEFUL = (
    "kms/key:Key",
    "cloudwatch/logGroup:LogGroup",
    "eks/cluster:Cluster",
    "rds/cluster:Cluster",
    "rds/clusterInstance:ClusterInstance",
    "rds/globalCluster:GlobalCluster",
    "elasticache/replicationGroup:ReplicationGroup",
    "mq/broker:Broker",
    "secretsmanager/secret:Secret",
    "sqs/queue:Queue",
    "sesv2/emailIdentity:EmailIdentity",
    "pinpoint/smsvoicev2OptOutList:Smsvoicev2OptOutList",
    "s3/bucket:Bucket",
    "cloudtrail/trail:Trail",
    "backup/vault:Vault",
    "lb/loadBalancer:LoadBalancer",
    "amp/workspace:Workspace",
    "opensearch/domain:Domain",
)
# Where personal data of people in the EU may be: no transfer to a third country takes place.
REGIONS = ("eu-central-1", "eu-west-1")
WORLDWIDE = ("iam/", "route53/", "budgets/", "costexplorer/", "s3/accountPublicAccessBlock:")


@rule(
    "What holds data is protected from being destroyed",
    pci("10.3.2"),
    gdpr("32(1)(c)"),
    kinds=STATEFUL,
)
def stateful_is_protected(graph: Graph) -> Iterator[Violation]:
    """A stateful resource that `pulumi destroy` would take away."""
    for node in graph.of(*STATEFUL):
        if not node.protect:
            yield Violation(node, "must be protected (`kept()` of its component)")


@rule("Everything is in regions of the EU that we name", gdpr("44"), kinds=("*",))
def data_stays_in_the_union(graph: Graph) -> Iterator[Violation]:
    """A resource in another region, or in whichever the provider happens to be set to."""
    for node in graph.nodes:
        kind = node.kind.removeprefix("aws:")
        if kind == node.kind or kind.startswith(WORLDWIDE):
            continue
        region = node.get("region")
        if region not in REGIONS:
            yield Violation(node, f"must say its region, one of {', '.join(REGIONS)}, not {region}")
