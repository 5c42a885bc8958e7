"""A hold that several put on for one reason is one hold."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from herold.ledger.database import Connection, connect
from herold.ledger.holds import active_holds, hold_once, release

CAMPAIGN = "campaigns-shop/hello"


def ask(url: str, reason: str = "wrong price", actor: str = "anna") -> int:
    with connect(url) as connection:
        return hold_once(connection, "Campaign", CAMPAIGN, reason=reason, actor=actor)


def test_who_holds_for_the_same_reason_at_the_same_time_holds_once(database: str, connection: Connection) -> None:
    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda _: ask(database), range(24)))
    (found,) = active_holds(connection)
    assert set(ids) == {found.id}


def test_another_reason_another_actor_and_a_hold_that_was_released_are_holds_of_their_own(
    database: str, connection: Connection
) -> None:
    first = ask(database)
    assert len({first, ask(database, reason="wrong date"), ask(database, actor="jan")}) == 3
    release(connection, first, actor="anna")
    assert ask(database) not in {first}
    assert len(active_holds(connection)) == 3


def test_a_hold_that_ends_by_itself_does_not_stand_for_one_that_does_not(database: str, connection: Connection) -> None:
    connection.execute(
        "INSERT INTO hold (scope, target, reason, actor, expires_at) "
        "VALUES ('Campaign', %s, 'wrong price', 'anna', now() + interval '1 h')",
        (CAMPAIGN,),
    )
    ask(database)
    assert [each.expires_at is None for each in active_holds(connection)] == [False, True]
