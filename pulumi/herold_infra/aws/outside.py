"""Where things are that pods of a region's cluster reach, or that reach them, and that are no pods.

In the words of `outside` in gitops/clusters/<environment>/cluster.yaml, from which the network policies follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from herold_infra.aws.addresses import NetworkSettings, plan_subnets
from herold_infra.aws.logins import PORT as LEDGER_PORT
from herold_infra.aws.mail import PORT as RELAY_PORT
from herold_infra.aws.mail import relay_host
from herold_infra.aws.place import Zone
from herold_infra.aws.settings import RegionSettings


def build_outside(region: RegionSettings) -> Mapping[str, Any]:
    """Ranges and ports, known before anything is made. A region that sends no mail has no relay."""
    data, application = (_ranges(region.network, zone) for zone in (Zone.DATA, Zone.APPLICATION))
    relay = {"host": relay_host(region.name), "ranges": list(application), "ports": [RELAY_PORT]}
    return {
        "ledger": {"ranges": data, "port": LEDGER_PORT},
        "relays": [relay] if region.mail else [],
        "scrapers": {"ranges": application},
    }


def _ranges(settings: NetworkSettings, zone: Zone) -> list[str]:
    return [plan.cidr for plan in plan_subnets(settings) if plan.zone is zone]
