"""A campaign of the cluster with everything that it names, fetched when somebody asks and kept by nobody."""

from __future__ import annotations

import asyncio

from herold.errors import HeroldError, NotFound
from herold.resources.meta import Key
from herold_operator.api import KubernetesApi, Object, resource_path
from herold_operator.judging import Judge, Verdict
from herold_operator.world import World

MOST = 1_000  # objects that one campaign may name, directly or through others
_AT_ONCE = 8


async def fetch_campaign(api: KubernetesApi, namespace: str, name: str) -> Object:
    """The Campaign as the API server has it. Raises NotFound, Temporary."""
    try:
        found: Object = await api.request("GET", resource_path("Campaign", namespace, name))
    except NotFound:
        raise NotFound(f"there is no Campaign {namespace}/{name}") from None
    return found


async def judge(api: KubernetesApi, shared_namespace: str, namespace: str, name: str) -> Verdict:
    """The campaign as the operator would judge it now. Raises NotFound, Temporary."""
    world = World(shared_namespace)
    key = ("Campaign", namespace, name)
    world.put(await fetch_campaign(api, namespace, name))
    asked: set[Key] = {key}
    gate = asyncio.Semaphore(_AT_ONCE)

    async def fetch(each: Key) -> Object | None:
        async with gate:
            try:
                item: Object = await api.request("GET", resource_path(*each))
            except NotFound:
                return None
        return item

    while waiting := sorted(world.unknown(key) - asked):
        if len(asked) + len(waiting) > MOST:
            raise HeroldError(f"{namespace}/{name} names more than {MOST} resources")
        asked.update(waiting)
        for item in await asyncio.gather(*map(fetch, waiting)):
            if item is not None:
                world.put(item)
    return await asyncio.to_thread(Judge(world).verdict, key)
