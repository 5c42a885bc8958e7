"""The settings of a whole stack on AWS."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from herold_infra.aws.addresses import NetworkSettings
from herold_infra.aws.audit import AuditSettings
from herold_infra.aws.backup import BackupSettings
from herold_infra.aws.cache import CacheSettings
from herold_infra.aws.cluster_settings import ClusterSettings
from herold_infra.aws.database_settings import DatabaseSettings
from herold_infra.aws.edge import EdgeSettings
from herold_infra.aws.mail import MailSettings
from herold_infra.aws.queue import QueueSettings
from herold_infra.aws.sms import SmsSettings
from herold_infra.aws.vpn import VpnSettings
from herold_infra.settings import Settings


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
    # A standby has none of these: what they hold is rebuilt from the ledger, and mail leaves by one region.
    cache: CacheSettings | None = None
    mail: MailSettings | None = None
    sms: SmsSettings | None = None
    queue: QueueSettings | None = None


class StackSettings(Settings):
    """What `herold:stack` of a stack's file must say."""

    environment: Literal["staging", "prod"]
    account: str = Field(pattern="^[0-9]{12}$")
    regions: tuple[RegionSettings, ...] = Field(strict=False)

    @model_validator(mode="after")
    def _one_active(self) -> Self:
        if [region.role for region in self.regions].count("active") != 1:
            raise ValueError("regions: exactly one must be active")
        if any(
            region.role == "active" and not (region.cache and region.queue and region.mail and region.sms)
            for region in self.regions
        ):
            raise ValueError("regions: the active one needs a cache, a queue, mail and sms")
        if len({region.name for region in self.regions}) != len(self.regions):
            raise ValueError("regions: one is named twice")
        if len({region.network.cidr for region in self.regions}) != len(self.regions):
            raise ValueError("regions: two networks have the same range; they could never be connected")
        return self
