"""What a stack tells others: Ansible's inventory, Git's overlays, people. `pulumi stack output --json` prints it.

No secret is among it: names of secrets are, and who may read them does so under their own identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from herold_infra.aws.cache import PORT as CACHE_PORT
from herold_infra.aws.cache import Cache
from herold_infra.aws.cluster import Cluster
from herold_infra.aws.dashboards import Dashboards
from herold_infra.aws.database import Database
from herold_infra.aws.edge import Edge
from herold_infra.aws.heartbeat import Heartbeat
from herold_infra.aws.log_store import INDEXES, LogStore, build_retention
from herold_infra.aws.logins import DATABASE
from herold_infra.aws.logins import PORT as LEDGER_PORT
from herold_infra.aws.metrics import Metrics
from herold_infra.aws.network import Network
from herold_infra.aws.outside import build_outside
from herold_infra.aws.queue import Queue
from herold_infra.aws.settings import RegionSettings
from herold_infra.aws.vpn import Vpn
from herold_infra.aws.workloads import Workloads


@dataclass(frozen=True)
class Region:
    """The components of a region. A standby has no `cache`, `queue`, `log_store` and `dashboards`."""

    settings: RegionSettings
    network: Network
    cluster: Cluster
    database: Database
    edge: Edge
    vpn: Vpn
    heartbeat: Heartbeat
    metrics: Metrics
    workloads: Workloads
    cache: Cache | None = None
    queue: Queue | None = None
    log_store: LogStore | None = None
    dashboards: Dashboards | None = None


def build_outputs(region: Region) -> Mapping[str, Any]:
    """One region's outputs; values are known once it is made. A key is missing where there is no such thing."""
    roles = {"external-secrets": region.workloads.reader_role_arn}
    outputs: dict[str, Any] = {
        "role": region.settings.role,
        "network": {"cidr": region.network.cidr, "addresses": list(region.network.addresses)},
        "site": {"tunnels": list(region.vpn.tunnels)},
        "cluster": {
            "name": region.cluster.name,
            "endpoint": region.cluster.endpoint,
            "certificateAuthority": region.cluster.authority,
        },
        "ledger": {
            "endpoint": region.database.endpoint,
            "reader": region.database.reader,
            "port": LEDGER_PORT,
            "database": DATABASE,
        },
        "edge": {"domain": region.settings.edge.domain, "targetGroup": region.edge.target_group_arn},
        "alarms": {"topic": region.heartbeat.alarm_topic_arn},
        "metrics": {"endpoint": region.metrics.endpoint},
        "secrets": list(region.workloads.secrets),
        "roles": roles,
        "outside": build_outside(region.settings),
    }
    if region.cache:
        outputs["cache"] = {"endpoint": region.cache.endpoint, "port": CACHE_PORT, "user": region.cache.user}
    if region.queue:
        outputs["queue"] = {"endpoint": region.queue.endpoint, "secret": region.queue.secret_arn}
    if region.log_store and region.settings.log_store:
        roles["log-shipper"] = region.log_store.shipper_role_arn
        outputs["logs"] = {
            "endpoint": region.log_store.endpoint,
            "indexes": INDEXES,
            "retention": build_retention(region.settings.log_store.days),
        }
    if region.dashboards:
        outputs["dashboards"] = {"endpoint": region.dashboards.endpoint}
    return outputs
