"""What the operator's figures say of a ledger: which run stands still, what a hold holds, whose workers are there."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from herold.metrics import Metric
from herold_operator import metrics as m
from herold_operator.figures import (
    Since,
    build_reading,
    holds_something,
    moving,
    out_of_order,
    overdue,
    workers_of,
)
from herold_operator.snapshot import Backlog, HoldView, LedgerState, RunView, Snapshot
from herold_operator.vitals import Vitals
from herold_operator.workers import deployment_name

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
SENDER = "shared/shop"


def run(number: int = 1, **changes: Any) -> RunView:
    """An open run that has sent half."""
    made = RunView(
        id=number,
        namespace="team",
        name=f"c{number}",
        occurrence=1,
        state="Open",
        suspended=False,
        stopped_at=None,
        intent_digest="",
        created_at=NOW,
        started_at=NOW,
        closed_at=None,
        start_by=NOW,
        left_out={},
        planned=10,
        sent=5,
        deferred=0,
        failed=0,
        suppressed=0,
        skipped=0,
        uncertain=0,
        waiting=5,
        next_due_at=None,
        sender=SENDER,
    )
    return replace(made, **changes)


def snapshot(
    *runs: RunView,
    moving: tuple[int, ...] = (),
    holds: tuple[HoldView, ...] = (),
    vitals: Vitals | None = None,
    regressed: str | None = None,
) -> Snapshot:
    return Snapshot(
        LedgerState(NOW, "1", 1, regressed, None),
        {(each.namespace, each.name, each.occurrence): each for each in runs},
        {each.id: each for each in runs},
        holds,
        (Backlog("shared", "shop", 7, chores=False, moving=moving),),
        vitals or Vitals((), (), 0.0),
        {},
    )


def read(found: Snapshot | None, metric: Metric, *labels: str) -> float:
    reading = build_reading(queue=3, away=0.0, states={}, degraded={}, snapshot=found, stalled=0.0, late=0.0, wanted={})
    value = reading[metric].get(labels, -1.0)
    assert isinstance(value, float | int)
    return value


def test_a_run_stands_still_from_the_look_at_which_its_counts_were_first_seen() -> None:
    progress, still = Since[int](), moving(snapshot(run(), moving=(1,)))
    assert progress.longest(still, 100.0) == 0.0
    assert progress.longest(still, 160.0) == 60.0
    on = moving(snapshot(run(sent=6, waiting=4), moving=(1,)))
    assert progress.longest(on, 161.0) == 0.0
    assert progress.longest(on, 171.0) == 10.0


def test_a_run_that_has_nothing_to_do_does_not_stand_still_and_begins_anew_when_it_has() -> None:
    progress, still = Since[int](), moving(snapshot(run(), moving=(1,)))
    progress.longest(still, 0.0)
    assert progress.longest(moving(snapshot(run(), moving=())), 1000.0) == 0.0
    assert progress.longest(still, 1001.0) == 0.0


def test_the_run_that_stands_still_longest_counts() -> None:
    progress = Since[int]()
    progress.longest(moving(snapshot(run(1), moving=(1,))), 0.0)
    progress.longest(moving(snapshot(run(1), run(2), moving=(1, 2))), 50.0)
    assert progress.longest(moving(snapshot(run(1), run(2, sent=9), moving=(1, 2))), 60.0) == 60.0


@pytest.mark.parametrize(
    ("status", "is_late"),
    [
        ({"state": "Scheduled", "nextSendTime": "2026-12-01T09:14:59Z"}, True),
        ({"state": "Scheduled", "nextSendTime": "2026-12-01T09:15:01Z"}, False),
        ({"state": "Scheduled", "nextSendTime": "2026-11-30T09:00:00Z"}, True),
        ({"state": "Scheduled"}, False),
        ({"state": "Held", "nextSendTime": "2026-12-01T09:00:00Z"}, False),
        ({"state": "Scheduled", "run": {"id": 1}, "nextSendTime": "2026-12-01T09:00:00Z"}, False),
        ({}, False),
    ],
)
def test_an_audience_is_late_once_its_time_to_freeze_has_come_and_there_is_no_run(
    status: dict[str, Any], is_late: bool
) -> None:
    key = ("Campaign", "team", "c1")
    assert overdue([(key, status)], NOW, timedelta(minutes=15)) == ({key: None} if is_late else {})


def test_uncertain_people_of_a_run_that_closed_a_day_ago_are_no_news() -> None:
    open_run = run(1, uncertain=2)
    lately = run(2, uncertain=3, state="Closed", closed_at=NOW - timedelta(hours=23))
    long_ago = run(3, uncertain=5, state="Closed", closed_at=NOW - timedelta(hours=25))
    found = snapshot(open_run, lately, long_ago)
    assert read(found, m.UNCERTAIN) == 5
    assert read(found, m.RUNS_OPEN) == 1


def test_the_oldest_hold_counts_while_it_holds_something() -> None:
    def hold(scope: str, target: str, age: timedelta) -> HoldView:
        return HoldView(1, scope, target, "why", "who", NOW - age)

    everything = hold("Everything", "", timedelta(hours=1))
    ours, other = hold("Campaign", "team/c1", timedelta(hours=5)), hold("Campaign", "team/c2", timedelta(days=9))
    over = run(2, state="Closed", closed_at=NOW)
    found = snapshot(run(1), over, holds=(everything, ours, other))
    assert [holds_something(each, found) for each in (everything, ours, other)] == [True, True, False]
    assert read(found, m.HOLD_AGE) == 5 * 3600
    assert (read(found, m.HOLDS, "Campaign"), read(found, m.HOLDS, "Everything")) == (1, 1)
    assert read(snapshot(run(1)), m.HOLD_AGE) == 0


def test_workers_of_a_sender_are_the_pods_of_its_deployment() -> None:
    name = deployment_name("shared", "shop")
    other = deployment_name("shared", "shop-news")
    pods = (f"{name}-7d9c5b6f4-x2x4z", f"{other}-7d9c5b6f4-aaaaa", "a-laptop")
    assert workers_of(("shared", "shop"), pods) == 1
    found = snapshot(vitals=Vitals((), pods, 0.5))
    assert (read(found, m.WORKERS, SENDER), read(found, m.DUE, SENDER), read(found, m.CLOCK)) == (1, 7, 0.5)


@pytest.mark.parametrize("length", [1, 46, 63])
def test_a_pods_name_shows_its_sender_also_where_the_system_cuts_it(length: int) -> None:
    # A host's name has at most 63 characters: the kubelet cuts a pod's.
    host = f"{deployment_name('shared', 'x' * length)}-7d9c5b6f4-x2x4z"[:63].rstrip("-")
    assert workers_of(("shared", "x" * length), (host,)) == 1


def test_a_ledger_that_went_backwards_and_paused_lanes_show() -> None:
    found = snapshot(regressed="it knows less", vitals=Vitals(((SENDER, "default"),), (), 0.0))
    assert read(found, m.REGRESSED) == 1
    assert read(found, m.LANE_PAUSED, SENDER, "default") == 1
    assert read(snapshot(), m.REGRESSED) == 0


def test_campaigns_are_counted_by_what_is_out_of_order() -> None:
    def status(reason: str, state: str) -> dict[str, Any]:
        return {
            "conditions": [{"type": "Suspended", "status": "True", "reason": "Held"}, _said("Degraded", state, reason)]
        }

    said = [status("StartMissed", "True")] * 2 + [status("PreflightFailed", "True"), status("AsExpected", "False"), {}]
    assert out_of_order(said) == {"StartMissed": 2, "PreflightFailed": 1}


def _said(kind: str, state: str, reason: str) -> dict[str, str]:
    return {"type": kind, "status": state, "reason": reason}


def test_nothing_is_said_of_a_ledger_that_was_never_seen() -> None:
    reading = build_reading(
        queue=3,
        away=9.0,
        states={"Held": 2},
        degraded={"StartMissed": 1},
        snapshot=None,
        stalled=0.0,
        late=0.0,
        wanted={("shared", "shop"): 1},
    )
    assert {metric.name: value for metric, value in reading.items()} == {
        "herold_operator_queue_length": {(): 3},
        "herold_operator_ledger_away_seconds": {(): 9.0},
        "herold_campaigns": {("Held",): 2},
        "herold_campaigns_degraded": {("StartMissed",): 1},
        "herold_sender_workers_wanted": {(SENDER,): 1},
    }
