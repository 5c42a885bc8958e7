"""Warm-up, expiry and quiet hours hold at full speed and through a kill; the sink's log has the times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chaos.rig import rig_on, wait_until
from herold.ledger.database import one
from herold.ledger.senders import sync_sender

pytestmark = pytest.mark.chaos


def test_warm_up_never_lets_more_out_than_the_day_allows(database: str) -> None:
    with rig_on(database, 500, sink=("--accept-rate", "100")) as world:
        today = one(world.connection, "SELECT (now() AT TIME ZONE 'UTC')::date")[0]
        # The days around today too: it may be midnight.
        warm_up = {"startDate": (today - timedelta(days=1)).isoformat(), "perDay": [40, 40, 40]}
        run_id = world.start(world.campaign(sender={"warmUp": warm_up}))
        for _ in range(2):
            world.worker(slots=2)
        world.wait_accepted(10)
        world.kill(world.holder(run_id))
        world.worker(slots=2)

        def day_is_used() -> bool:
            used, windows = one(
                world.connection,
                "SELECT (SELECT used FROM sender_day WHERE day = (now() AT TIME ZONE 'UTC')::date), "
                "(SELECT count(*) FROM send_window)",
            )
            return bool(used == 40 and windows == 0)

        wait_until(day_is_used, "the day is used up")
        days = [datetime.fromtimestamp(line[0], UTC).date() for line in world.sink.lines()]
        assert days
        assert max(days.count(day) for day in days) <= 40
        assert world.status(run_id).state == "Open"
        more = {**warm_up, "perDay": [1000, 1000, 1000]}
        sync_sender(world.connection, world.campaign(sender={"warmUp": more}).sender)
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert len(verdict.uncertain) <= 2


def test_what_expires_is_skipped_and_the_run_closes(database: str) -> None:
    with rig_on(database, 2000, sink=("--accept-rate", "200")) as world:
        run_id = world.start(world.campaign())
        for _ in range(2):
            world.worker(slots=2)
        world.wait_accepted(50)
        # A window that is open already was promised longer: so none is when the time changes.
        world.terminate(world.crew[0])
        world.terminate(world.crew[0])
        expires = one(
            world.connection,
            "UPDATE run_zone SET expires_at = clock_timestamp() + interval '5 s' "
            "RETURNING extract(epoch FROM expires_at)::float8",
        )[0]
        for _ in range(2):
            world.worker(slots=2)
        status = world.wait_closed(run_id)
        verdict = world.verdict(run_id)
        last = max(line[0] for line in world.sink.lines())
    assert verdict.is_clean, verdict
    assert last - expires < 1, "what was under way, and nothing begun after"
    assert (status.sent, status.uncertain) == (verdict.accepted, 0)
    assert status.sent + status.skipped == 2000
    assert status.skipped > 0


def test_nothing_goes_out_in_quiet_hours_and_all_of_it_after(database: str) -> None:
    with rig_on(database, 1500, sink=("--accept-rate", "200")) as world:
        run_id = world.start(world.campaign())
        begin, end = one(
            world.connection,
            "UPDATE run_zone SET quiet = tstzmultirange(tstzrange(clock_timestamp() + interval '5 s', "
            "clock_timestamp() + interval '8 s')) RETURNING extract(epoch FROM lower(quiet))::float8, "
            "extract(epoch FROM upper(quiet))::float8",
        )
        for _ in range(2):
            world.worker(slots=2)
        world.wait_closed(run_id)
        times = [line[0] for line in world.sink.lines()]
        verdict = world.verdict(run_id)
    assert [at for at in times if at < begin], "it began before"
    assert [at for at in times if at >= end], "and went on after"
    assert not [at for at in times if begin + 0.5 < at < end]
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (1500, [])
