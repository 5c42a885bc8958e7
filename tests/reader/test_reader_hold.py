"""With the operator down, the read service writes the hold that the operator would have written."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from controller.platform import TEAM, Platform, world
from herold.ledger.holds import active_holds
from herold_operator.annotations import BY_ANNOTATION
from herold_reader.protocol import Ask
from parts.campaigns import small_campaign
from parts.kubernetes import wait_for
from parts.people import add_people
from parts.smtp_sink import smtp_sink
from reader.service import Reader, begin

ANNOTATED = {"metadata": {"annotations": {"herold.dev/hold": " wrong price "}}}
PER_SECOND = 40
WITHIN = 2.0


def test_a_hold_needs_the_annotation_because_without_it_the_operator_would_let_go(
    platform: Platform, reader: Reader
) -> None:
    platform.apply(*world())
    told = reader.ask(Ask.HOLD, who="vera", body={})
    assert (told.status, told.error) == (409, "Refused")
    assert "herold.dev/hold" in told.body["error"]["message"]
    assert reader.ask(Ask.HOLD, "no-such", who="vera", body={}).status == 404
    assert active_holds(platform.connection) == []


def test_hold_twice_or_by_many_at_once_is_one_hold_and_each_asking_is_audited(
    platform: Platform, reader: Reader
) -> None:
    campaign = world()[-1]
    platform.apply(campaign)
    platform.api.merge(campaign, ANNOTATED)
    with ThreadPoolExecutor(8) as threads:
        told = list(threads.map(lambda _: reader.ask(Ask.HOLD, who="vera", body={}), range(16)))
    assert {each.status for each in told} == {200}
    (found,) = active_holds(platform.connection)
    assert (found.scope, found.target, found.reason, found.actor) == (
        *("Campaign", f"{TEAM}/hello", "wrong price", BY_ANNOTATION),
    )
    assert {each.body["hold"] for each in told} == {found.id}
    count = platform.connection.execute("SELECT count(*) FROM audit WHERE action = 'HoldByAnnotation'").fetchone()
    assert count == (16,)


def test_the_operator_finds_it_done_and_lets_go_when_the_annotation_goes(platform: Platform, reader: Reader) -> None:
    campaign = platform.declare()
    platform.api.merge(campaign, ANNOTATED)
    reader.ask(Ask.HOLD, who="vera", body={})
    operator = platform.operator()
    assert "wrong price" in platform.wait_reason(campaign, "Suspended", "Held")["message"]
    assert len(active_holds(platform.connection)) == 1
    assert operator.events("brakes") == []
    platform.api.merge(campaign, {"metadata": {"annotations": {"herold.dev/hold": None}}})
    platform.wait_reason(campaign, "Suspended", "NotSuspended")
    assert active_holds(platform.connection) == []


def test_a_proof_is_held_by_the_name_that_the_ledger_has(platform: Platform, reader: Reader) -> None:
    campaign = world(campaign={"mode": "Proof"})[-1]
    platform.apply(campaign)
    platform.api.merge(campaign, ANNOTATED)
    assert reader.ask(Ask.HOLD, who="vera", body={}).status == 200
    assert [each.target for each in active_holds(platform.connection)] == [f"{TEAM}/hello~proof"]


def test_with_no_operator_a_hold_stops_the_mails_within_two_seconds(
    platform: Platform, reader: Reader, tmp_path: Path
) -> None:
    add_people(platform.connection, [f"more{number}@example.com" for number in range(1000)])
    campaign = world()[-1]
    with smtp_sink(tmp_path / "sink.log") as sink:
        platform.apply(campaign)
        begin(platform, small_campaign(port=sink.port, per_second=str(PER_SECOND)))
        worker = platform.worker()
        try:
            wait_for("mails", lambda: len(sink.accepted()) >= PER_SECOND)
            platform.api.merge(campaign, ANNOTATED)
            assert reader.ask(Ask.HOLD, who="vera", body={}).status == 200
            held = time.time()
            # Twice as long as it may take: a run that went on would have sent some dozens more.
            wait_for("the time in which it must have stopped", lambda: time.time() > held + 2 * WITHIN)
            accepted = sink.lines()
            assert len(accepted) < 1000
            assert accepted[-1][0] < held + WITHIN
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(30)
