"""The ledger is migrated under workers of the version before: they go on, and what they do leaves marks."""

from __future__ import annotations

import pytest

from herold.ledger import database, leases
from herold.ledger.database import MIGRATIONS, connect, migrate, one
from herold.ledger.installation import adopt
from herold.ledger.runs import start_run
from herold.processes.embedded import EmbeddedServer
from herold.settings import Settings
from parts.campaigns import small_campaign
from parts.ledger import Hand
from parts.people import KEY, add_people
from parts.postgres import fresh_database

# As schema 4's workers and operator ask for the fence.
_FENCE_OF_4 = """
SELECT system, CASE WHEN pg_is_in_recovery() THEN timeline
       ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer END, windows
FROM ledger_fence()
"""


def test_a_worker_of_schema_4_goes_on_over_the_migration_and_is_remembered(
    any_postgres_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_database(any_postgres_server, "template0") as url, connect(url) as connection:
        with monkeypatch.context() as before:
            before.setattr(database, "MIGRATIONS", MIGRATIONS[:4])
            assert migrate(connection) == [1, 2, 3, 4]
        adopt(connection, Settings(), KEY)
        add_people(connection, [f"p{number}@mail.example" for number in range(4)])
        start_run(connection, small_campaign(), key=KEY, actor="t", at_once=True)
        hand = Hand(url)
        opened = hand.window(limit=1)
        fence = one(connection, _FENCE_OF_4)

        assert migrate(connection) == [5]
        assert one(connection, _FENCE_OF_4) == fence
        assert hand.call(lambda ledger: leases.renew(ledger, hand.worker, 1))
        assert hand.record(opened, "sent")
        later = hand.window(limit=1)
        assert connection.execute(
            "SELECT slot, number FROM mark WHERE worker_id = %s ORDER BY slot", (hand.worker,)
        ).fetchall() == [(-1, 1), (0, later.id)]
