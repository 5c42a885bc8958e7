"""A receipt that comes so late that the run closes meanwhile: the books stay true, whoever is first."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from chaos.rig import wait_until
from herold.ledger.claims import Kind
from herold.ledger.database import Connection, connect
from herold.ledger.runs import start_run
from parts.campaigns import small_campaign
from parts.ledger import Hand
from parts.people import KEY, add_people


def waits_for_a_lock(connection: Connection) -> Callable[[], bool]:
    return lambda: (
        connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
        is not None
    )


@pytest.mark.parametrize(("kind", "becomes"), [("returned", "skipped"), ("deferred", "skipped"), ("sent", "sent")])
def test_a_late_receipt_that_waits_for_the_closing_of_its_run_finds_it_closed(
    connection: Connection, database: str, kind: Kind, becomes: str
) -> None:
    add_people(connection, ["user1@mail.example"])
    run_id = start_run(connection, small_campaign(), key=KEY, actor="test", at_once=True).run_id
    slow, taker = Hand(database), Hand(database)
    window = slow.window()
    taker.record(window, "uncertain")

    closing = connect(database, autocommit=False)
    assert closing.execute("SELECT close_run(%s)", (run_id,)).fetchone() == (True,)
    late = threading.Thread(target=slow.record, args=(window, kind))
    late.start()
    wait_until(waits_for_a_lock(connection), "the late receipt waits")
    closing.commit()
    closing.close()
    late.join(20)

    state = connection.execute(
        "SELECT state, planned, sent, skipped, uncertain FROM run JOIN run_counts USING (planned)"
    )
    assert state.fetchone() == ("Closed", 1, int(becomes == "sent"), int(becomes == "skipped"), 0)
    assert connection.execute("SELECT count(*) FROM retry").fetchone() == (0,)
    assert connection.execute("SELECT kind::text FROM outcome").fetchall() == [(becomes,)]
