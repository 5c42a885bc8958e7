"""A stack on AWS: its regions, each with keys, a network and what stands in it; the second one follows the first."""

from __future__ import annotations

from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from herold_infra.aws.audit import Audit, AuditArgs
from herold_infra.aws.backup import Backup, BackupArgs
from herold_infra.aws.cache import Cache, CacheArgs
from herold_infra.aws.cluster import Cluster, ClusterArgs
from herold_infra.aws.dashboards import Dashboards, DashboardsArgs
from herold_infra.aws.database import Database, DatabaseArgs
from herold_infra.aws.edge import HEALTH, Edge, EdgeArgs
from herold_infra.aws.heartbeat import Heartbeat, HeartbeatArgs
from herold_infra.aws.keys import Keys
from herold_infra.aws.log_store import LogStore, LogStoreArgs
from herold_infra.aws.logins import plan_logins
from herold_infra.aws.mail import Mail, MailArgs
from herold_infra.aws.metrics import Metrics, MetricsArgs
from herold_infra.aws.network import Network, NetworkArgs
from herold_infra.aws.outputs import Region, build_outputs
from herold_infra.aws.place import Place
from herold_infra.aws.queue import Queue, QueueArgs
from herold_infra.aws.settings import RegionSettings, StackSettings
from herold_infra.aws.sms import Sms, SmsArgs
from herold_infra.aws.spending import Spending, SpendingArgs
from herold_infra.aws.vault import Shelf
from herold_infra.aws.vpn import Vpn, VpnArgs
from herold_infra.aws.workloads import Workloads, WorkloadsArgs
from herold_infra.aws.worldwide import make_worldwide_database


class Stack:
    """Declares all resources of a stack. `outputs`: what it exports, by name."""

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        regions = sorted(settings.regions, key=lambda region: region.role)
        # The account is written down, so that credentials of another one change nothing there.
        provider = aws.Provider("aws", region=regions[0].name, allowed_account_ids=[settings.account])
        self._opts = pulumi.ResourceOptions(providers={"aws": provider})
        self._worldwide = (
            make_worldwide_database(self._place(regions[0]), regions[0].database, self._opts)
            if len(regions) > 1
            else None
        )
        self._primary: Database | None = None
        # Before everything else: secrets of the one region are copied under the key of the other.
        self._keys = {region.name: Keys(self._place(region), self._opts) for region in regions}
        self.outputs: dict[str, Any] = {
            "environment": settings.environment,
            "regions": {region.name: build_outputs(self._make_region(region)) for region in regions},
        }
        for name, value in self.outputs.items():
            pulumi.export(name, value)

    def _place(self, region: RegionSettings) -> Place:
        return Place(self._settings.environment, self._settings.account, region.name)

    def _shelf(self, region: RegionSettings) -> Shelf:
        others = [other.name for other in self._settings.regions if other.name != region.name]
        copies = tuple((other, self._keys[other].credential.arn) for other in others)
        return Shelf(self._place(region), self._keys[region.name], copies)

    def _copy_to(self, region: RegionSettings) -> str | None:
        """Where the backups of a region are copied: to the other one, if there is one and this is the active one."""
        others = [other.name for other in self._settings.regions if other.role == "standby"]
        return others[0] if others and region.role == "active" else None

    def _make_region(self, region: RegionSettings) -> Region:
        place, keys, active = self._place(region), self._keys[region.name], region.role == "active"
        brands, shelf = self._settings.brands, self._shelf(region)
        network = Network(NetworkArgs(place, region.network, keys), self._opts)
        cluster = Cluster(ClusterArgs(place, region.cluster, network, keys), self._opts)
        clients = {"cluster": cluster.group_id}
        logins = plan_logins(brands)
        database = Database(
            DatabaseArgs(place, region.database, network, keys, clients, shelf, logins, self._worldwide, self._primary),
            self._opts,
        )
        self._primary = self._primary or database
        part: Literal["PRIMARY", "SECONDARY"] = "PRIMARY" if active else "SECONDARY"
        edge = Edge(EdgeArgs(place, region.edge, network, keys, cluster.group_id, part), self._opts)
        vpn = Vpn(VpnArgs(place, region.vpn, network, keys), self._opts)
        url = f"https://{region.edge.domain}{HEALTH}"
        heartbeat = Heartbeat(HeartbeatArgs(place, url, keys, region.edge.log_days), self._opts)
        alarms = heartbeat.alarm_topic_arn
        metrics = Metrics(MetricsArgs(place, region.metrics, network, keys, cluster, alarms), self._opts)
        Audit(AuditArgs(place, region.audit, keys, active), self._opts)
        Backup(BackupArgs(place, region.backup, keys, active, self._copy_to(region)), self._opts)
        if active:
            Spending(SpendingArgs(place, self._settings.spending, alarms), self._opts)
        if region.mail:
            Mail(MailArgs(place, region.mail, network, keys, cluster.group_id), self._opts)
        if region.sms:
            Sms(SmsArgs(place, region.sms), self._opts)
        workloads = Workloads(WorkloadsArgs(shelf, cluster, brands, active), self._opts)
        cache = Cache(CacheArgs(place, region.cache, network, keys, clients), self._opts) if region.cache else None
        queue = Queue(QueueArgs(place, region.queue, network, keys, clients), self._opts) if region.queue else None
        logs = (
            LogStore(LogStoreArgs(place, region.log_store, network, keys, cluster), self._opts)
            if region.log_store
            else None
        )
        dashboards = (
            Dashboards(DashboardsArgs(place, region.dashboards, network, keys, logs.group), self._opts)
            if region.dashboards and logs
            else None
        )
        return Region(
            region,
            network,
            cluster,
            database,
            edge,
            vpn,
            heartbeat,
            metrics,
            workloads,
            cache=cache,
            queue=queue,
            log_store=logs,
            dashboards=dashboards,
        )
