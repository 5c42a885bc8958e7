"""The settings of a whole stack on AWS."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from herold_infra.aws.addresses import NetworkSettings
from herold_infra.aws.audit import AuditSettings
from herold_infra.aws.backup import BackupSettings
from herold_infra.aws.cache import CacheSettings
from herold_infra.aws.cluster_settings import ClusterSettings
from herold_infra.aws.dashboards import DashboardsSettings
from herold_infra.aws.database_settings import DatabaseSettings
from herold_infra.aws.edge import EdgeSettings
from herold_infra.aws.log_store import LogStoreSettings
from herold_infra.aws.mail import MailSettings
from herold_infra.aws.metrics import MetricsSettings
from herold_infra.aws.queue import QueueSettings
from herold_infra.aws.sms import SmsSettings
from herold_infra.aws.spending import SpendingSettings
from herold_infra.aws.vpn import VpnSettings
from herold_infra.settings import Settings

ACTIVE_ONLY = ("cache", "queue", "mail", "sms", "log_store", "dashboards")

# It stands in names of secrets and of logins.
Brand = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{0,30}$")]


class RegionSettings(Settings):
    """One region: where campaigns run, or where they could after the loss of the other."""

    name: str = Field(pattern="^[a-z]{2}-[a-z]+-[0-9]$")
    role: Literal["active", "standby"]
    network: NetworkSettings
    cluster: ClusterSettings
    database: DatabaseSettings
    edge: EdgeSettings
    audit: AuditSettings
    backup: BackupSettings
    vpn: VpnSettings
    metrics: MetricsSettings
    # A standby has none of these: what they hold is rebuilt from the ledger, and mail leaves by one region.
    cache: CacheSettings | None = None
    mail: MailSettings | None = None
    sms: SmsSettings | None = None
    queue: QueueSettings | None = None
    # What was logged in a lost region is lost for the search, and kept by CloudWatch; dashboards are made anew.
    log_store: LogStoreSettings | None = None
    dashboards: DashboardsSettings | None = None

    @property
    def lacks(self) -> list[str]:
        """What the active region must have, and this one has not."""
        found = {name: getattr(self, name) for name in ACTIVE_ONLY}
        return [name for name, value in found.items() if value is None]


class StackSettings(Settings):
    """What `herold:stack` of a stack's file must say."""

    platform: Literal["aws"]
    environment: Literal["staging", "prod"]
    account: str = Field(pattern="^[0-9]{12}$")
    spending: SpendingSettings
    # Each has workers with a login of their own, and a key that signs its mail.
    brands: tuple[Brand, ...] = Field(min_length=1, strict=False)
    regions: tuple[RegionSettings, ...] = Field(strict=False)

    @model_validator(mode="after")
    def _one_active(self) -> Self:
        if [region.role for region in self.regions].count("active") != 1:
            raise ValueError("regions: exactly one must be active")
        for region in self.regions:
            if region.role == "active" and region.lacks:
                raise ValueError(f"regions: the active one lacks {', '.join(region.lacks)}")
        if len(set(self.brands)) != len(self.brands):
            raise ValueError("brands: one is named twice")
        if len({region.name for region in self.regions}) != len(self.regions):
            raise ValueError("regions: one is named twice")
        if len({region.network.cidr for region in self.regions}) != len(self.regions):
            raise ValueError("regions: two networks have the same range; they could never be connected")
        return self
