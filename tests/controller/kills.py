"""Leaders of a rig that are killed at writes, as these are seen on the wire: no hooks are in the product.

A kill falls before the server hears of a write, or after it did it and before whoever asked hears that.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from controller.platform import Object
from controller.rig import Rig
from parts.api_proxy import Point

POINTS: tuple[Point, ...] = ("before", "answered")


def kill_each_leader_at_a_write(rig: Rig, point: Point, count: int) -> None:
    """Whoever leads is killed at its `count`-th write to the API, until the proxy forgets its stops."""

    def again() -> None:
        rig.kill()
        rig.api.stop_at_soon(again, point, count)

    rig.api.stop_at(again, point, count)


@contextmanager
def killed_at_api_write(rig: Rig, point: Point, count: int) -> Iterator[None]:
    """The leader is killed at its `count`-th write to the API from now."""
    rig.api.stop_at(rig.kill, point, count)
    yield


@contextmanager
def killed_at_ledger_write(rig: Rig, point: Point, count: int) -> Iterator[None]:
    """The leader is killed at its `count`-th write to the ledger from now."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            with suppress(queue.Empty):
                stopped = rig.ledger.wait_hit(0.2)
                rig.kill()
                stopped.cut()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    rig.ledger.stop_at_write(point, count)
    try:
        yield
    finally:
        over.set()
        thread.join(30)


def writes_survived(
    rig: Rig,
    point: Point,
    killed_at_write: Callable[[Rig, Point, int], AbstractContextManager[None]],
    check: Callable[[Object], None],
) -> int:
    """One life after another, with a kill at the first write of the first, at the second of the next, until a life has
    no more: `check` each one's campaign. How many writes there were."""
    number = 0
    while True:
        kills = rig.kills
        rig.begin_anew()
        with killed_at_write(rig, point, number + 1):
            check(rig.live())
        if rig.kills == kills:
            break
        number += 1
    print(f"\nkilled {point} each of {number} writes")
    return number
