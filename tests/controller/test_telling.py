"""However fast things happen to a resource, its Events stay few, and each time is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kubernetes.aio import client, config

from controller.platform import TEAM, Object, Platform
from herold.journal import Journal
from herold_operator.api import KubernetesApi
from herold_operator.events import BURST, REFILL_SECONDS, EventReason, Happening
from herold_operator.health import Health
from herold_operator.telling import Teller
from parts.kubernetes import SERVICE_ACCOUNT, free_port, wait_for


def held(number: int, name: str = "flapping") -> Happening:
    return Happening(("Campaign", TEAM, name), f"uid-of-{name}", EventReason.HELD, f"hold {number}")


def found(platform: Platform, name: str) -> list[Object]:
    query = f"?fieldSelector=involvedObject.uid=uid-of-{name}"
    items: list[Object] = platform.api.ask("GET", f"/api/v1/namespaces/{TEAM}/events{query}")["items"]
    return items


def are(platform: Platform, count: int) -> bool:
    return len(found(platform, "flapping")) == count


@asynccontextmanager
async def telling(platform: Platform, clock: list[float], kubeconfig: Path) -> AsyncIterator[Teller]:
    loader: Any = config  # its functions are not typed
    configuration: Any = client.Configuration()
    await loader.load_kube_config(str(kubeconfig), client_configuration=configuration)
    api = KubernetesApi(configuration)
    journal = Journal("operator", "error")
    teller = Teller(api, "replica-1", journal, Health(), clock=lambda: clock[0])
    task = asyncio.create_task(teller.serve())
    try:
        yield teller
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await api.close()


async def until(what: str, ask: Callable[[], object]) -> None:
    await asyncio.to_thread(wait_for, what, ask)


def test_one_resource_gets_a_burst_then_one_a_minute_and_each_time_is_counted(platform: Platform) -> None:
    async def run() -> None:
        clock = [1000.0]
        async with telling(platform, clock, platform.api.kubeconfig(SERVICE_ACCOUNT)) as teller:
            for number in range(50):
                teller.tell(held(number))
                await asyncio.sleep(0)
                if number < BURST:
                    await until("each is posted", partial(are, platform, number + 1))
            teller.tell(held(0, "calm"))
            await until("another resource, which waits for none of that", lambda: found(platform, "calm"))
            assert len(found(platform, "flapping")) == BURST
            clock[0] += REFILL_SECONDS
            teller.tell(held(1, "calm"))
            await until("the rest in one", lambda: len(found(platform, "flapping")) == BURST + 1)
            assert sum(each["count"] for each in found(platform, "flapping")) == 50

    asyncio.run(run())


def test_what_is_told_while_the_api_is_away_waits_within_bounds_and_is_posted_later(platform: Platform) -> None:
    async def run() -> None:
        async with telling(platform, [0.0], platform.api.kubeconfig(SERVICE_ACCOUNT)) as teller:
            there = teller.api.configuration.host
            teller.api.configuration.host = f"https://127.0.0.1:{free_port()}"  # nobody listens there
            for number in range(1000):
                teller.tell(held(number, "away"))
            await asyncio.sleep(0)
            teller.api.configuration.host = there
            await until("it to be posted", lambda: found(platform, "away"))
            (event,) = found(platform, "away")
            assert (event["count"], event["message"]) == (1000, "Nothing goes out: hold 999")

    asyncio.run(run())
