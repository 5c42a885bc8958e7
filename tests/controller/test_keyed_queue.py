"""The queue of the operator: each key by one task at a time, brakes first, and all else has its turn in between."""

from __future__ import annotations

import asyncio

from herold_operator.keyed_queue import KeyedQueue


def test_an_answer_is_heard_between_two_visits_that_wait_for_nothing() -> None:
    async def visits_before_the_answer() -> int:
        queue = KeyedQueue[int]()
        visited = 0
        for key in range(1000):
            queue.add(key)

        async def serve() -> None:
            nonlocal visited
            while True:
                key = await queue.get()
                visited += 1
                queue.done(key)

        server = asyncio.create_task(serve())
        heard = asyncio.Event()
        asyncio.get_running_loop().call_soon(heard.set)
        await heard.wait()
        server.cancel()
        await asyncio.gather(server, return_exceptions=True)
        return visited

    assert asyncio.run(visits_before_the_answer()) <= 1


def test_what_is_added_waits_once_first_comes_first_and_nothing_is_kept_for_nobody() -> None:
    async def order() -> list[str]:
        queue = KeyedQueue[str](takes=False)
        queue.add("dropped")
        queue.takes = True
        for key in ("a", "b", "a", "c"):
            queue.add(key)
        queue.add("c", first=True)
        return [await queue.get() for _ in range(len(queue))]

    assert asyncio.run(order()) == ["c", "a", "b"]
