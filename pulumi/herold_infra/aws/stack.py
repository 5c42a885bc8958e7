"""A stack on AWS: its regions, each with keys and a network and what stands in it."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from herold_infra.aws.cluster import Cluster, ClusterArgs
from herold_infra.aws.keys import Keys
from herold_infra.aws.network import Network, NetworkArgs
from herold_infra.aws.place import Place
from herold_infra.aws.settings import RegionSettings, StackSettings


class Stack:
    """Declares all resources of a stack."""

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        active = next(region for region in settings.regions if region.role == "active")
        # The account is written down, so that credentials of another one change nothing there.
        provider = aws.Provider("aws", region=active.name, allowed_account_ids=[settings.account])
        self._opts = pulumi.ResourceOptions(providers={"aws": provider})
        for region in settings.regions:
            self._make_region(region)

    def _make_region(self, region: RegionSettings) -> None:
        place = Place(self._settings.environment, self._settings.account, region.name)
        keys = Keys(place, self._opts)
        network = Network(NetworkArgs(place, region.network, keys), self._opts)
        Cluster(ClusterArgs(place, region.cluster, network, keys), self._opts)
