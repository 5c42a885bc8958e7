"""Metrics of a region's cluster: taken and kept by AWS, judged by Herold's own alert rules, told to the alarms."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_aws import amp, cloudwatch, vpc
from pydantic import Field

from herold_infra.aws.cluster import Cluster
from herold_infra.aws.firewall import Peer, make_group
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network
from herold_infra.aws.place import Data, Place, Zone
from herold_infra.component import Component
from herold_infra.settings import Settings

# The rules that every Prometheus of Herold's gets, inside of a cluster or here.
RULES = Path(__file__).resolve().parents[3] / "operator" / "deploy" / "alerts" / "herold.rules.yaml"
# Where Herold's pods answer, and where AWS's add-ons do.
PORTS = {"pods": 8080, "api": 443}
NAMESPACES = ("herold-platform", "herold-senders")
INTERVAL = "30s"


class MetricsSettings(Settings):
    """How long metrics are kept, and logs of what did not work."""

    days: int = Field(ge=1, le=1095)
    log_days: int = Field(ge=1, le=3653)


@dataclass(frozen=True)
class MetricsArgs:
    """`alarm_topic`: the ARN of the topic that alerts go to."""

    place: Place
    settings: MetricsSettings
    network: Network
    keys: Keys
    cluster: Cluster
    alarm_topic: pulumi.Output[str]


class Metrics(Component):
    """Outputs: `endpoint`, a URL that PromQL is asked of; `workspace_arn`."""

    def __init__(self, args: MetricsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("Metrics", args.place.logical("metrics"), opts)
        self._args, self._place = args, args.place
        self._tags = args.place.tags("metrics", Data.OPERATIONAL)
        workspace = self._make_workspace()
        self.workspace_arn, self.endpoint = workspace.arn, workspace.prometheus_endpoint
        self._scrape(workspace)
        self._alert(workspace)
        self.register_outputs({"workspaceArn": self.workspace_arn, "endpoint": self.endpoint})

    def _make_workspace(self) -> amp.Workspace:
        place, settings = self._place, self._args.settings
        log = cloudwatch.LogGroup(
            place.logical("metrics"),
            region=place.region,
            name=f"/aws/vendedlogs/herold/{place.environment}/metrics",
            retention_in_days=settings.log_days,
            kms_key_id=self._args.keys.operational.arn,
            tags=self._tags,
            opts=self.kept(),
        )
        workspace = amp.Workspace(
            place.logical("metrics"),
            region=place.region,
            alias=place.name("metrics"),
            kms_key_arn=self._args.keys.operational.arn,
            # Rules and alerts that could not be carried out.
            logging_configuration={"log_group_arn": log.arn.apply(lambda arn: f"{arn}:*")},
            tags=self._tags,
            opts=self.kept(),
        )
        amp.WorkspaceConfiguration(
            place.logical("metrics"),
            region=place.region,
            workspace_id=workspace.id,
            retention_period_in_days=settings.days,
            opts=self.inside(),
        )
        return workspace

    def _scrape(self, workspace: amp.Workspace) -> None:
        """A scraper that AWS runs: it has an address in the application zone, and nothing of it is in the cluster."""
        args, place = self._args, self._place
        group = make_group(
            self, place, "metrics", "Asks pods for metrics", args.network.vpc_id, Zone.APPLICATION, Data.OPERATIONAL
        )
        for what, port in PORTS.items():
            group.let_out(f"to-{what}", Peer(group=args.cluster.group_id), port)
            vpc.SecurityGroupIngressRule(
                place.logical(f"cluster-in-metrics-{what}"),
                region=place.region,
                security_group_id=args.cluster.group_id,
                description=f"metrics-{what}",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                referenced_security_group_id=group.id,
                tags=place.tags(f"cluster-in-metrics-{what}", Data.OPERATIONAL),
                opts=self.inside(),
            )
        amp.Scraper(
            place.logical("metrics"),
            region=place.region,
            alias=place.name("metrics"),
            source={
                "eks": {
                    "cluster_arn": args.cluster.arn,
                    "subnet_ids": list(args.network.application),
                    "security_group_ids": [group.id],
                }
            },
            destination={"amp": {"workspace_arn": workspace.arn}},
            scrape_configuration=build_scrape_configuration(place.name("main")),
            tags=self._tags,
            opts=self.inside(),
        )

    def _alert(self, workspace: amp.Workspace) -> None:
        place = self._place
        amp.RuleGroupNamespace(
            place.logical("metrics"),
            region=place.region,
            name=place.name("alerts"),
            workspace_id=workspace.id,
            data=RULES.read_text(encoding="utf-8"),
            tags=self._tags,
            opts=self.inside(),
        )
        amp.AlertManagerDefinition(
            place.logical("metrics"),
            region=place.region,
            workspace_id=workspace.id,
            definition=self._args.alarm_topic.apply(lambda topic: build_alert_manager(topic, place.region)),
            opts=self.inside(),
        )


def build_scrape_configuration(cluster: str) -> str:
    """What AWS's scraper asks: Herold's pods that say so by the annotations `prometheus.io/*`. JSON, which is YAML."""
    pod = "__meta_kubernetes_pod"
    annotation = f"{pod}_annotation_prometheus_io"
    return json.dumps(
        {
            "global": {"scrape_interval": INTERVAL, "external_labels": {"cluster": cluster}},
            "scrape_configs": [
                {
                    "job_name": "herold",
                    "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": list(NAMESPACES)}}],
                    "relabel_configs": [
                        {"source_labels": [f"{annotation}_scrape"], "regex": "true", "action": "keep"},
                        {"source_labels": [f"{annotation}_path"], "regex": "(.+)", "target_label": "__metrics_path__"},
                        {
                            "source_labels": [f"{pod}_ip", f"{annotation}_port"],
                            "regex": "([^;]+);(.+)",
                            "replacement": "$1:$2",
                            "target_label": "__address__",
                        },
                        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
                        {"source_labels": [f"{pod}_name"], "target_label": "pod"},
                    ],
                }
            ],
        }
    )


def build_alert_manager(topic: str, region: str) -> str:
    """Every alert goes to the topic, and once more when it is over. AWS wants the configuration as a text inside."""
    configuration = {
        "route": {
            "receiver": "alarms",
            "group_by": ["alertname", "namespace"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "4h",
        },
        "receivers": [
            {
                "name": "alarms",
                "sns_configs": [{"topic_arn": topic, "sigv4": {"region": region}, "send_resolved": True}],
            }
        ],
    }
    return json.dumps({"alertmanager_config": json.dumps(configuration)})
