"""The addresses of a network: three zones in each availability zone, worked out from one range."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import Field, field_validator

from herold_infra.aws.place import Zone
from herold_infra.settings import Settings

# A /16 gives 16 blocks of /20. Application subnets take whole ones, because pods have addresses of the network.
RANGE_BITS = 16
APPLICATION_BITS = 20
SMALL_BITS = 24
LEAST_ZONES, MOST_ZONES = 2, 4
Letter = Annotated[str, Field(pattern="^[a-f]$")]


class NetworkSettings(Settings):
    """What a stack's file says of the network of one region."""

    cidr: str
    zones: tuple[Letter, ...] = Field(strict=False)
    # One NAT gateway serves all zones (cheaper, and mail stops with its zone), or one in each.
    nat_gateways: str = Field(pattern="^(one|each)$")
    flow_log_days: int = Field(ge=1, le=3653)

    @field_validator("cidr")
    @classmethod
    def _private(cls, value: str) -> str:
        network = IPv4Network(value)
        if network.prefixlen != RANGE_BITS or not network.is_private:
            raise ValueError(f"must be a private /{RANGE_BITS}, such as 10.40.0.0/16")
        return value

    @field_validator("zones")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError("names a zone twice")
        if not LEAST_ZONES <= len(value) <= MOST_ZONES:
            raise ValueError(f"must name {LEAST_ZONES} to {MOST_ZONES} zones")
        return value


@dataclass(frozen=True)
class SubnetPlan:
    """One subnet: its zone, the letter of its availability zone, its range."""

    zone: Zone
    letter: str
    cidr: str


def plan_subnets(settings: NetworkSettings) -> tuple[SubnetPlan, ...]:
    """All subnets. A zone that is added later takes the next ranges: those of the others never move."""
    blocks = list(IPv4Network(settings.cidr).subnets(new_prefix=APPLICATION_BITS))
    small = list(blocks[0].subnets(new_prefix=SMALL_BITS))
    plans = []
    for number, letter in enumerate(settings.zones):
        plans += [
            SubnetPlan(Zone.PUBLIC, letter, str(small[number])),
            SubnetPlan(Zone.DATA, letter, str(small[MOST_ZONES + number])),
            SubnetPlan(Zone.APPLICATION, letter, str(blocks[1 + number])),
        ]
    return tuple(plans)
