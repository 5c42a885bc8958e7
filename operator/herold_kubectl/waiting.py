"""Waiting, not for long, until a Campaign's status says what was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from herold.errors import Temporary
from herold_kubectl.cluster import Cluster

LOOK_SECONDS = 0.1


def wait_status(
    cluster: Cluster, namespace: str, name: str, told: Callable[[dict[str, Any]], bool], *, until: float
) -> dict[str, Any] | None:
    """The Campaign as soon as `told` is true of it; None when that did not happen by `until` (monotonic seconds).

    An API server that does not answer is asked again. Raises NotFound.
    """
    while True:
        left = until - time.monotonic()
        if left <= 0:
            return None
        try:
            campaign = cluster.campaign(namespace, name, seconds=max(0.2, left))
        except Temporary:
            pass
        else:
            if told(campaign):
                return campaign
        time.sleep(LOOK_SECONDS)
