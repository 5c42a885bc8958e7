"""Rules for what watches Herold: metrics, central logs, dashboards, what it all costs."""

from __future__ import annotations

from collections.abc import Iterator

from herold_policies.demand import demand, demand_some
from herold_policies.graph import Graph
from herold_policies.rule import Source, Violation, fsbp, pci, rule

CLUSTER = "eks/cluster:Cluster"
METRICS = "amp/workspace:Workspace"
KEEPING = "amp/workspaceConfiguration:WorkspaceConfiguration"
SCRAPER = "amp/scraper:Scraper"
ALERTS = "amp/ruleGroupNamespace:RuleGroupNamespace"
TELLING = "amp/alertManagerDefinition:AlertManagerDefinition"
LOGS = "opensearch/domain:Domain"
DASHBOARDS = "grafana/workspace:Workspace"
ROLES = "grafana/roleAssociation:RoleAssociation"
BUDGET = "budgets/budget:Budget"
UNUSUAL = "costexplorer/anomalySubscription:AnomalySubscription"
LEAST_DAYS = 365
WARNINGS = {("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100)}
SIGN_IN = (["AWS_SSO"], ["SAML"])


@rule(
    "Metrics of every cluster are taken, kept for a year and encrypted with our key",
    pci("10.5.1"),
    pci("3.5.1"),
    kinds=(METRICS, KEEPING, SCRAPER),
)
def metrics_are_kept(graph: Graph) -> Iterator[Violation]:
    """A cluster that nobody measures, or metrics that are gone when somebody asks what happened."""
    for cluster in graph.of(CLUSTER):
        if not any(cluster.urn in urns for node in graph.of(SCRAPER) for urns in node.links.values()):
            yield Violation(cluster, "has no scraper")
    for node in graph.of(METRICS):
        yield from demand_some(node, "kmsKeyArn", "loggingConfiguration.logGroupArn")
        days = [kept.get("retentionPeriodInDays") for kept in graph.pointing(KEEPING, "workspaceId", node)]
        if not any(isinstance(number, int) and number >= LEAST_DAYS for number in days):
            yield Violation(node, f"must have a configuration with retentionPeriodInDays, {LEAST_DAYS} at least")


@rule(
    "Metrics are judged by alert rules, and an alert reaches somebody",
    pci("10.4.1.1"),
    pci("10.7.2"),
    kinds=(METRICS, ALERTS, TELLING),
)
def metrics_raise_alarms(graph: Graph) -> Iterator[Violation]:
    """Metrics that nobody judges, or alerts that go nowhere: AWS's alert manager has no receiver of its own."""
    for node in graph.of(METRICS):
        if not graph.pointing(ALERTS, "workspaceId", node):
            yield Violation(node, "has no alert rules")
        if not any(telling.links.get("definition") for telling in graph.pointing(TELLING, "workspaceId", node)):
            yield Violation(node, "has no alert manager that names a topic of this stack")


@rule(
    "Who searches the logs is written down, and so is what went wrong",
    pci("10.2.1"),
    pci("10.3.1"),
    fsbp("Opensearch.4"),
    fsbp("Opensearch.5"),
    fsbp("Opensearch.10"),
    kinds=(LOGS,),
)
def log_store_is_audited(graph: Graph) -> Iterator[Violation]:
    """A log store that says nothing of who read it, or is never mended."""
    for node in graph.of(LOGS):
        published = {log.get("logType") for log in node.get("logPublishingOptions") or () if log.get("enabled") is True}
        if missing := {"AUDIT_LOGS", "ES_APPLICATION_LOGS"} - published:
            yield Violation(node, f"must publish {', '.join(sorted(missing))}")
        yield from demand(node, softwareUpdateOptions__autoSoftwareUpdateEnabled=True)


@rule(
    "Dashboards are for named groups, by the company's sign-in, from inside the network",
    pci("1.3.1"),
    pci("8.2.1"),
    pci("8.4.2"),
    kinds=(DASHBOARDS, ROLES),
)
def dashboards_are_private(graph: Graph) -> Iterator[Violation]:
    """Grafana as AWS makes it: on the internet, with rights that AWS gives it."""
    for node in graph.of(DASHBOARDS):
        yield from demand(node, permissionType="CUSTOMER_MANAGED", accountAccessType="CURRENT_ACCOUNT")
        yield from demand_some(node, "kmsKeyId", "networkAccessControl.vpceIds", "vpcConfiguration.subnetIds")
        if node.get("authenticationProviders") not in SIGN_IN:
            yield Violation(node, "must say authenticationProviders, AWS_SSO or SAML")
        if node.get("networkAccessControl.prefixListIds"):
            yield Violation(node, "must not say networkAccessControl.prefixListIds: people come by the VPN")
    for node in graph.of(ROLES):
        yield from demand_some(node, "groupIds")
        if node.get("userIds"):
            yield Violation(node, "must not say userIds: rights are a group's")


@rule(
    "What the account costs is watched: before the month's limit is spent, and when a day is out of the ordinary",
    Source("AWS Well-Architected", "COST02-BP05"),
    kinds=(BUDGET, UNUSUAL),
)
def spending_is_watched(graph: Graph) -> Iterator[Violation]:
    """A bill that comes as a surprise; it is also where stolen keys are seen first."""
    networks = sorted(graph.of("ec2/vpc:Vpc"), key=lambda node: node.name)[:1]
    for kind, what in ((BUDGET, "budget"), (UNUSUAL, "watch for unusual spending")):
        if not list(graph.of(kind)):
            yield from (Violation(vpc, f"stands in an account without a {what}") for vpc in networks)
    for node in graph.of(BUDGET):
        told = {
            (notice.get("notificationType"), notice.get("threshold"))
            for notice in node.get("notifications") or ()
            if notice.get("subscriberSnsTopicArns")
        }
        for kind, per_cent in sorted(WARNINGS - told):
            yield Violation(node, f"must tell a topic of {per_cent} % {kind}")
        yield from demand_some(node, "limitAmount")
    for node in graph.of(UNUSUAL):
        yield from demand(node, frequency="IMMEDIATE")
        yield from demand_some(node, "subscribers", "thresholdExpression")
