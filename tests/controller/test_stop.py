"""`herold.dev/stop` ends a run for good, exactly as `herold stop` does; what it does not name is not stopped."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from controller.platform import Object, Platform, named, world
from controller.test_events import wait_told
from herold_operator.annotations import BY_STOP, stop_order, stop_words
from parts.kubernetes import wait_for


def annotate(platform: Platform, campaign: Object, value: str | None) -> None:
    platform.api.merge(campaign, {"metadata": {"annotations": {"herold.dev/stop": value}}})


def run_of(platform: Platform, campaign: Object) -> int:
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    return int(platform.status(campaign)["run"]["id"])


def settle(platform: Platform, *campaigns: Object) -> None:
    worker = platform.worker()
    try:
        for campaign in campaigns:
            platform.wait_reason(campaign, "Completed", "Stopped")
    finally:
        worker.terminate()
        worker.wait(30)


def test_the_annotation_does_what_herold_stop_does(platform: Platform) -> None:
    platform.operator()
    resources = world(campaign={"repeatPolicy": "Allow"})
    one, other = named(resources[-1], "by-annotation"), named(resources[-1], "by-command")
    platform.apply(*resources[:-1], one, other)
    first, second = run_of(platform, one), run_of(platform, other)
    annotate(platform, one, stop_words(first, "wrong price"))
    command = [sys.executable, "-m", "herold.cli", "stop", "--run", str(second), "--yes"]
    environ = {"HEROLD_DATABASE_URL": platform.url, "HEROLD_STATE_DIR": str(platform.settings.state_dir)}
    subprocess.run(command, check=True, capture_output=True, env={**environ, "HEROLD_SINGLE_NODE": "true"})
    assert f"Stopped by {BY_STOP}: wrong price." in wait_told(platform, one, "Stopping")["message"]
    wait_told(platform, other, "Stopping")
    settle(platform, one, other)

    def words(campaign: Object) -> list[tuple[str, str, str]]:
        return [(each["type"], each["status"], each["reason"]) for each in platform.status(campaign)["conditions"]]

    def row(run: int) -> list[Any]:
        columns = "state, suspended, stopped_at IS NOT NULL, planned, left_out"
        return list(platform.connection.execute(f"SELECT {columns} FROM run WHERE id = %s".encode(), (run,)).fetchall())

    assert words(one) == words(other)
    assert platform.status(one)["counts"] == platform.status(other)["counts"]
    assert row(first) == row(second)
    audit = platform.connection.execute("SELECT target FROM audit WHERE action = 'Stop' ORDER BY id").fetchall()
    assert sorted(each[0] for each in audit) == sorted([f"run {first}", f"run {second}"])


@pytest.mark.parametrize("value", ["", "now", "stop it 7", "-1 x", "1e3 x", "٣ x", "99999999999 x"])
def test_an_order_begins_with_the_number_of_a_run(value: str) -> None:
    assert stop_order(value) is None
    assert stop_order(f" 26110001 {value} ") == (26110001, value)
    assert stop_order(stop_words(26110001, value)) == (26110001, value)


@pytest.mark.parametrize("value", ["now", "99999999999 x"])
def test_what_is_no_order_is_said_and_stops_nothing(platform: Platform, value: str) -> None:
    platform.operator()
    campaign = platform.declare()
    run = run_of(platform, campaign)
    annotate(platform, campaign, value)
    condition = platform.wait_reason(campaign, "Degraded", "StopNotObeyed")
    assert f"its run is {run}. Nothing was stopped." in condition["message"]
    assert wait_told(platform, campaign, "StopNotObeyed")["type"] == "Warning"
    assert (platform.runs()[0].state, platform.runs()[0].stopped_at) == ("Open", None)
    annotate(platform, campaign, None)
    platform.wait_reason(campaign, "Degraded", "AsExpected")


def test_the_run_of_another_campaign_is_not_stopped(platform: Platform) -> None:
    platform.operator()
    resources = world(campaign={"repeatPolicy": "Allow"})
    one, other = named(resources[-1], "one"), named(resources[-1], "other")
    platform.apply(*resources[:-1], one, other)
    first, second = run_of(platform, one), run_of(platform, other)
    annotate(platform, one, f"{second} mixed up")
    message = platform.wait_reason(one, "Degraded", "StopNotObeyed")["message"]
    assert f"names run {second}, which is none of this campaign; its run is {first}" in message
    assert [each.stopped_at for each in platform.runs()] == [None, None]


def test_an_annotation_that_stays_stops_no_later_run(platform: Platform) -> None:
    platform.operator()
    campaign = platform.declare(campaign={"repeatPolicy": "Allow"})
    first = run_of(platform, campaign)
    annotate(platform, campaign, f"{first} wrong price")
    settle(platform, campaign)
    platform.api.merge(campaign, {"spec": {"occurrence": 2}})
    wait_for("the second run", lambda: platform.status(campaign).get("run", {}).get("id", first) != first)
    platform.wait_reason(campaign, "Progressing", "Armed")
    assert platform.wait_reason(campaign, "Degraded", "AsExpected")
    assert [each.stopped_at is None for each in platform.runs()] == [True, False]


def test_a_stop_is_obeyed_although_the_spec_is_wrong(platform: Platform) -> None:
    platform.operator()
    resources = world()
    campaign = resources[-1]
    platform.apply(*resources)
    run = run_of(platform, campaign)
    platform.api.delete(resources[2])
    platform.wait_reason(campaign, "Valid", "ReferenceNotFound")
    annotate(platform, campaign, str(run))
    wait_for("the stop", lambda: platform.runs()[0].stopped_at is not None)
    settle(platform, campaign)
