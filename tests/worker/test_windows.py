"""A window never holds more than was asked for: evidence has a place for so many messages and no more."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from herold.ledger.claims import Claim, Kind, Receipt, Window, exchange, record
from herold.ledger.database import Connection, connect_async
from herold.ledger.leases import register
from herold.ledger.runs import start_run
from parts.campaigns import small_campaign
from parts.people import KEY, add_people


@pytest.mark.parametrize("limit", [1, 50, 200])
def test_what_came_back_is_claimed_within_the_limit(connection: Connection, database: str, limit: int) -> None:
    """On one connection, as a slot has it: the claim was planned while nothing had come back yet."""
    add_people(connection, [f"user{number}@mail.example" for number in range(1000)])
    start_run(connection, small_campaign(), key=KEY, actor="test", at_once=True)
    connection.execute("ANALYZE")  # as autovacuum does it sooner or later
    returned: list[Kind] = ["returned"] * 200

    async def slot() -> list[list[int]]:
        ledger = await connect_async(database, application="slot")
        worker = uuid4()
        await register(ledger, worker, host="test", pid=1)

        async def window(size: int) -> Window:
            for _ in range(1000):
                answer = await exchange(ledger, None, Claim(worker, 1, 0, 1, size))
                if isinstance(answer, Window):
                    return answer
            raise AssertionError("nothing is left to claim")

        try:
            for first in [await window(200) for _ in range(5)]:
                none: list[None] = [None] * 200
                receipt = Receipt(first.run_id, first.id, first.positions, first.attempts, returned, none, none, none)
                assert await record(ledger, receipt)
            return [(await window(limit)).positions for _ in range(5)]
        finally:
            await ledger.close()

    claimed = asyncio.run(slot())
    assert max(len(positions) for positions in claimed) <= limit
    everything = [position for positions in claimed for position in positions]
    assert len(everything) == len(set(everything))
