"""The ledger's processes hang: connections stay open, and answer nothing for ever. Meanwhile another server leads."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from chaos.rig import rig_on, wait_until
from herold.ledger.database import ANSWER_SECONDS, connect, migrate, one
from herold.processes.embedded import EmbeddedServer
from parts.ledger_proxy import LedgerProxy, proxied
from parts.standby import hung, promote, with_standby

pytestmark = pytest.mark.chaos
# Beyond the deadline of one answer: to connect anew, to end what the old connections left, to claim.
REST_SECONDS = 10.0


def lead(proxy: LedgerProxy, server: EmbeddedServer) -> None:
    """New connections go there, as by a Service whose endpoint changed; those that are open stay where they are."""
    found = conninfo_to_dict(server.url())
    proxy.target = f"{found['host']}/.s.PGSQL.5432"


def test_workers_give_up_a_server_that_hangs_and_go_on_at_the_one_that_was_promoted(short_folder: Path) -> None:
    with with_standby(short_folder) as (primary, standby), proxied(primary, primary.url()) as (proxy, url):
        with connect(primary.url()) as connection:
            migrate(connection)
        with rig_on(url, 4000, sink=("--accept-rate", "200")) as world:
            run_id = world.start(world.campaign())
            for _ in range(2):
                world.worker(slots=2)
            world.wait_accepted(400)
            with hung(primary):
                since = time.monotonic()
                promote(standby)
                lead(proxy, standby)
                with connect(standby.url()) as there:
                    before = one(there, "SELECT coalesce(max(number), 0) FROM mark WHERE slot >= 0")
                    windows = "SELECT max(number) > %s FROM mark WHERE slot >= 0"
                    wait_until(lambda: one(there, windows, before)[0], "a window is opened there", 60)
                paused = time.monotonic() - since
                world.reconnect()
                world.wait_closed(run_id, 120)
                verdict = world.verdict(run_id)
                said = world.said()
                for process in list(world.crew):
                    assert world.terminate(process) == 0
        print(f"\nthe next window was opened {paused:.1f} s after the server hung")
        assert paused < ANSWER_SECONDS + REST_SECONDS
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (4000, [])
    assert "ledger_regressed" not in said, "a promotion that lost nothing stops nobody"


def test_a_worker_whose_server_hangs_for_a_while_loses_nothing(short_folder: Path) -> None:
    with with_standby(short_folder) as (primary, _), proxied(primary, primary.url()) as (_, url):
        with connect(primary.url()) as connection:
            migrate(connection)
        with rig_on(url, 2000, sink=("--accept-rate", "200")) as world:
            run_id = world.start(world.campaign())
            for _ in range(2):
                world.worker(slots=2)
            world.wait_accepted(400)
            with hung(primary):
                wait_until(lambda: world.said().count('"Unanswered"') >= 2, "workers give up")
            world.wait_closed(run_id, 120)
            verdict = world.verdict(run_id)
            said = world.said()
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (2000, [])
    assert "ledger_regressed" not in said
