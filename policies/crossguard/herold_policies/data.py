"""Rules for what keeps data: databases, caches, brokers, central logs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from herold_policies.demand import demand, demand_some
from herold_policies.graph import Graph, Node
from herold_policies.rule import Violation, fsbp, gdpr, pci, rule

CLUSTER = "rds/cluster:Cluster"
INSTANCE = "rds/clusterInstance:ClusterInstance"
WORLDWIDE = "rds/globalCluster:GlobalCluster"
PROXY = "rds/proxy:Proxy"
PARAMETERS = "rds/clusterParameterGroup:ClusterParameterGroup"
CACHE = "elasticache/replicationGroup:ReplicationGroup"
USER = "elasticache/user:User"
BROKER = "mq/broker:Broker"
LOGS = "opensearch/domain:Domain"
# What a database's log must leave out. Unset, failed statements are in it, and the values that an error names.
SILENT = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
LEAST_DAYS = {"prod": 35, "staging": 7}


@rule(
    "What lies on a disk is encrypted with our key",
    pci("3.5.1"),
    gdpr("32(1)(a)"),
    fsbp("RDS.27"),
    fsbp("ElastiCache.4"),
    fsbp("Opensearch.1"),
    kinds=(CLUSTER, WORLDWIDE, CACHE, BROKER, LOGS),
)
def data_at_rest_is_encrypted(graph: Graph) -> Iterator[Violation]:
    """Storage without encryption, or with a key of AWS's that everybody in the account may use."""
    for node in graph.of(CLUSTER):
        yield from demand(node, storageEncrypted=True)
        yield from demand_some(node, "kmsKeyId")
    for node in graph.of(WORLDWIDE):
        yield from demand(node, storageEncrypted=True)
    for node in graph.of(CACHE):
        yield from demand(node, atRestEncryptionEnabled=True)
        yield from demand_some(node, "kmsKeyId")
    for node in graph.of(BROKER):
        yield from demand(node, encryptionOptions__useAwsOwnedKey=False)
        yield from demand_some(node, "encryptionOptions.kmsKeyId")
    for node in graph.of(LOGS):
        yield from demand(node, encryptAtRest__enabled=True)
        yield from demand_some(node, "encryptAtRest.kmsKeyId")


@rule(
    "What is on its way to data is encrypted, with TLS 1.2 at least",
    pci("4.2.1"),
    gdpr("32(1)(a)"),
    fsbp("ElastiCache.5"),
    fsbp("Opensearch.3"),
    fsbp("Opensearch.8"),
    kinds=(CLUSTER, PARAMETERS, PROXY, CACHE, LOGS),
)
def data_in_flight_is_encrypted(graph: Graph) -> Iterator[Violation]:
    """A server that would talk in clear if a client asked for it."""
    for node in graph.of(CLUSTER):
        yield from demand_some(node, "dbClusterParameterGroupName")
    for node in graph.of(PARAMETERS):
        values = _parameters(node)
        if values.get("rds.force_ssl") != "1":
            yield Violation(node, "must set rds.force_ssl to 1")
        if values.get("ssl_min_protocol_version") not in ("TLSv1.2", "TLSv1.3"):
            yield Violation(node, "must set ssl_min_protocol_version to TLSv1.2 or TLSv1.3")
    for node in graph.of(PROXY):
        yield from demand(node, requireTls=True)
    for node in graph.of(CACHE):
        # `preferred` still lets clients in without.
        yield from demand(node, transitEncryptionEnabled=True, transitEncryptionMode="required")
    for node in graph.of(LOGS):
        yield from demand(
            node,
            nodeToNodeEncryption__enabled=True,
            domainEndpointOptions__enforceHttps=True,
            domainEndpointOptions__tlsSecurityPolicy="Policy-Min-TLS-1-2-PFS-2023-10",
        )


def _parameters(node: Node) -> dict[str, str]:
    return {item.get("name"): item.get("value") for item in node.get("parameters") or ()}


@rule(
    "Data is reached from named security groups only, never from an address",
    pci("1.4.4"),
    fsbp("RDS.2"),
    fsbp("Opensearch.2"),
    kinds=(INSTANCE, BROKER, LOGS, "vpc/securityGroupIngressRule:SecurityGroupIngressRule"),
)
def data_is_private(graph: Graph) -> Iterator[Violation]:
    """A public database or broker, or a group of the data zone that lets addresses in."""
    for node in graph.of(INSTANCE, BROKER):
        yield from demand(node, publiclyAccessible=False)
    for node in graph.of(LOGS):
        # Without subnets it has an address that the whole world reaches.
        yield from demand_some(node, "vpcOptions.subnetIds")
    for opening in graph.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule"):
        groups = graph.behind(opening, "securityGroupId")
        if any(group.tag("zone") == "data" for group in groups):
            yield from demand_some(opening, "referencedSecurityGroupId")


@rule(
    "Who asks for data says who they are, each by an identity of their own",
    pci("7.2.5"),
    pci("8.2.2"),
    fsbp("RDS.12"),
    fsbp("ElastiCache.6"),
    fsbp("Opensearch.7"),
    kinds=(CLUSTER, PROXY, CACHE, USER, LOGS),
)
def data_wants_identity(graph: Graph) -> Iterator[Violation]:
    """Shared passwords, or none."""
    for node in graph.of(CLUSTER):
        yield from demand(node, iamDatabaseAuthenticationEnabled=True)
    for node in graph.of(PROXY):
        auths = node.get("auths")
        if not auths:
            yield Violation(node, "must say auths")
        for auth in auths or ():
            yield from _weak(node, auth)
        users = [auth.get("description") for auth in auths or () if auth.get("iamAuth") == "DISABLED"]
        if len(users) != len(set(users)):
            yield Violation(node, "has two secrets for one login")
    for node in graph.of(CACHE):
        yield from demand_some(node, "userGroupIds")
    for node in graph.of(USER):
        off = str(node.get("accessString")).startswith("off ")
        if node.get("authenticationMode.type") != "iam" and not off:
            yield Violation(node, "must say authenticationMode.type: iam, or be off")
    for node in graph.of(LOGS):
        yield from demand(
            node,
            advancedSecurityOptions__enabled=True,
            advancedSecurityOptions__internalUserDatabaseEnabled=False,
            advancedSecurityOptions__anonymousAuthEnabled=False,
        )
        yield from demand_some(node, "advancedSecurityOptions.masterUserOptions.masterUserArn", "accessPolicies")


def _weak(node: Node, auth: Mapping[str, Any]) -> Iterator[Violation]:
    """Who comes by IAM has an identity. Who comes by a password has one of their own, and never sends it."""
    if auth.get("iamAuth") == "REQUIRED":
        return
    if auth.get("iamAuth") != "DISABLED" or auth.get("clientPasswordAuthType") != "POSTGRES_SCRAM_SHA_256":
        yield Violation(node, "must say iamAuth: REQUIRED, or a clientPasswordAuthType that never sends the password")
    elif not auth.get("description"):
        yield Violation(node, "must say in a description whose password it is: one login, one secret")


@rule(
    "Data can be restored: every second of the last weeks, and once more when it is taken down",
    gdpr("32(1)(c)"),
    fsbp("ElastiCache.1"),
    kinds=(CLUSTER, CACHE),
)
def data_can_be_restored(graph: Graph) -> Iterator[Violation]:
    """Backups that are off, or kept for a shorter time than somebody needs to notice."""
    least = LEAST_DAYS.get(graph.stack.rpartition("-")[2], max(LEAST_DAYS.values()))
    for node in graph.of(CLUSTER):
        days = node.get("backupRetentionPeriod")
        if not isinstance(days, int) or days < least:
            yield Violation(node, f"must say backupRetentionPeriod, {least} days at least")
        yield from demand(node, skipFinalSnapshot=False)
    for node in graph.of(CACHE):
        if not node.get("snapshotRetentionLimit"):
            yield Violation(node, "must say snapshotRetentionLimit, 1 day at least")


@rule("Data refuses to be deleted", gdpr("32(1)(b)"), fsbp("RDS.7"), kinds=(CLUSTER, WORLDWIDE, "eks/cluster:Cluster"))
def data_refuses_deletion(graph: Graph) -> Iterator[Violation]:
    """What one call could take away."""
    for node in graph.of(CLUSTER, WORLDWIDE, "eks/cluster:Cluster"):
        yield from demand(node, deletionProtection=True)


@rule(
    "Data survives the loss of a building",
    gdpr("32(1)(b)"),
    fsbp("RDS.15"),
    fsbp("ElastiCache.3"),
    fsbp("MQ.5"),
    fsbp("Opensearch.6"),
    fsbp("Opensearch.11"),
    kinds=(CLUSTER, INSTANCE, CACHE, BROKER, LOGS),
)
def data_survives_a_zone(graph: Graph) -> Iterator[Violation]:
    """Something that stands in one availability zone alone."""
    for node in graph.of(CACHE):
        yield from demand(node, multiAzEnabled=True, automaticFailoverEnabled=True)
    for node in graph.of(BROKER):
        yield from demand(node, deploymentMode="CLUSTER_MULTI_AZ")
    for node in graph.of(CLUSTER):
        # A copy in another region has no administrator of its own; it is there for the loss of the whole region.
        primary = node.get("masterUsername") is not None
        if primary and len(graph.pointing(INSTANCE, "clusterIdentifier", node)) < 2:
            yield Violation(node, "must have two instances at least")
    for node in graph.of(LOGS):
        yield from demand(
            node, clusterConfig__zoneAwarenessEnabled=True, clusterConfig__zoneAwarenessConfig__availabilityZoneCount=3
        )
        if graph.stack.endswith("-prod"):
            yield from demand(node, clusterConfig__dedicatedMasterEnabled=True)


@rule(
    "No log holds what people wrote or where they live: statements and keys are not logged",
    gdpr("5(1)(c)"),
    pci("3.4.1"),
    kinds=(PARAMETERS, PROXY, CACHE, LOGS),
)
def content_is_not_logged(graph: Graph) -> Iterator[Violation]:
    """Logs of statements, of slow and of failed ones, of the values that an error names, of keys."""
    for node in graph.of(PARAMETERS):
        values = _parameters(node)
        for name, value in SILENT.items():
            if values.get(name) != value:
                yield Violation(node, f"must set {name} to {value}")
    for node in graph.of(PROXY):
        yield from demand(node, debugLogging=False)
    for node in graph.of(CACHE):
        for delivery in node.get("logDeliveryConfigurations") or ():
            if delivery.get("logType") != "engine-log":
                yield Violation(node, f"delivers {delivery.get('logType')}, which holds keys and values")
    for node in graph.of(LOGS):
        for log in node.get("logPublishingOptions") or ():
            if log.get("logType") not in ("AUDIT_LOGS", "ES_APPLICATION_LOGS"):
                yield Violation(node, f"publishes {log.get('logType')}, which holds what people searched for")
