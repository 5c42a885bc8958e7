"""Where a resource is and what it is called: one convention for names, tags, regions and protection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

OWNER = "herold"


class Zone(StrEnum):
    """Part of a network."""

    PUBLIC = "public"
    APPLICATION = "application"
    DATA = "data"


class Data(StrEnum):
    """Class of data. Each has a key of its own in each region, so that access to one is no access to another."""

    OPERATIONAL = "operational"  # logs, metrics, configuration: no personal data may be in it
    PERSONAL = "personal"  # contacts, consents, the ledger, what was sent to whom
    CREDENTIAL = "credential"  # secrets
    ARCHIVE = "archive"  # backups and audit logs: written once


@dataclass(frozen=True)
class Place:
    """One region of one environment in one account."""

    environment: str
    account: str
    region: str

    def name(self, thing: str) -> str:
        """The name of a thing in AWS: the same in each region."""
        return f"{OWNER}-{self.environment}-{thing}"

    def worldwide(self, thing: str) -> str:
        """The name of a thing that is unique in the account or the world (roles, buckets), so it has the region."""
        return f"{OWNER}-{self.environment}-{self.region}-{thing}"

    def logical(self, thing: str) -> str:
        """The name within the stack."""
        return f"{self.region}-{thing}"

    def tags(self, thing: str, data: Data, zone: Zone | None = None) -> dict[str, str]:
        """Tags: name, environment, owner, class of data, and the zone of the network where there is one."""
        tags = {
            "Name": self.name(thing),
            "herold:environment": self.environment,
            "herold:owner": OWNER,
            "herold:data": data.value,
        }
        return tags | ({"herold:zone": zone.value} if zone else {})

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a regional resource whose name we chose: known before the resource is made."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """The ARN of a resource of a service without regions."""
        return f"arn:aws:{service}::{self.account}:{resource}"
