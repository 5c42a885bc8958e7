"""The table "What an edit does while it runs" of docs/how-to/operate.md: each row is a test with its first cell."""

from __future__ import annotations

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.platform import TEAM, Object, Platform, named, world
from controller.rig import running
from controller.test_deletions import holds
from herold.ledger.counts import RunStatus
from parts.kubernetes import ROOT, wait_for
from parts.smtp_sink import SmtpSink, smtp_sink

Test = Callable[..., None]


def row(edit: str) -> Callable[[Test], Test]:
    """The first cell of the row that a test shows."""

    def mark(test: Test) -> Test:
        test.__dict__["row"] = edit
        return test

    return mark


@dataclass
class Three:
    """Campaigns with the same resources: one before its run, one whose run is open, one that is over."""

    platform: Platform
    sink: SmtpSink
    resources: list[Object]
    waiting: Object
    open: Object
    over: Object

    def runs(self, campaign: Object) -> list[RunStatus]:
        """Newest first."""
        return [run for run in self.platform.runs() if run.name == campaign["metadata"]["name"]]

    def merge(self, change: Object, *campaigns: Object) -> None:
        for campaign in campaigns or (self.waiting, self.open, self.over):
            self.platform.api.merge(campaign, change)

    def wait(self, campaign: Object, condition: str, reason: str) -> str:
        return str(self.platform.wait_reason(campaign, condition, reason, 60)["message"])

    def begin_waiting(self) -> None:
        """Its time has come."""
        self.merge({"spec": {"schedule": self.open["spec"]["schedule"]}}, self.waiting)

    def finish(self, *campaigns: Object) -> None:
        """Let a worker do the rest."""
        with running(self.platform.worker()):
            for campaign in campaigns:
                self.wait(campaign, "Completed", "EverybodySettled")

    def got(self, campaign: Object, occurrence: int = 1) -> Counter[str]:
        name = f"{campaign['metadata']['name']}-{occurrence}:"
        return Counter(to for said, to in self.sink.accepted() if said.startswith(name))


EVERYBODY = Counter(f"person{number}@example.com" for number in range(5))


@pytest.fixture
def three(platform: Platform, tmp_path: Path) -> Iterator[Three]:
    with three_on(platform, tmp_path) as made:
        yield made


@contextmanager
def three_on(platform: Platform, folder: Path) -> Iterator[Three]:
    platform.operator()
    with smtp_sink(folder / "sink.log") as sink:
        resources = world(port=sink.port, campaign={"repeatPolicy": "Allow"})
        later = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%S")
        waiting, opened, over = (named(resources[-1], name) for name in ("waiting", "open", "over"))
        waiting = {**waiting, "spec": {**waiting["spec"], "schedule": {"at": later, "timeZone": "UTC"}}}
        made = Three(platform, sink, resources, waiting, opened, over)
        platform.apply(*resources[:-1], over)
        made.finish(over)
        platform.apply(waiting, opened)
        made.wait(waiting, "Planned", "Scheduled")
        made.wait(opened, "Planned", "AudienceFrozen")
        yield made


@row("`spec.suspend`, annotation `herold.dev/hold`")
def test_brakes_are_obeyed_at_once(three: Three) -> None:
    three.merge({"spec": {"suspend": True}})
    three.wait(three.open, "Suspended", "SpecSuspend")
    three.wait(three.waiting, "Suspended", "SpecSuspend")
    three.wait(three.over, "Suspended", "NotSuspended")
    three.begin_waiting()
    three.wait(three.waiting, "Planned", "AudienceFrozen")
    assert (three.runs(three.waiting)[0].suspended, three.runs(three.open)[0].suspended) == (True, True)
    three.merge({"spec": {"suspend": False}, "metadata": {"annotations": {"herold.dev/hold": "wrong price"}}})
    three.wait(three.open, "Suspended", "Held")
    three.wait(three.waiting, "Suspended", "Held")
    three.wait(three.over, "Suspended", "NotSuspended")
    assert three.runs(three.open)[0].holds == ["Campaign: wrong price"]


@row("annotation `herold.dev/stop`")
def test_a_stop_ends_the_run_that_it_names(three: Three) -> None:
    number, over = three.runs(three.open)[0].run_id, three.runs(three.over)[0].run_id
    for campaign, run in ((three.waiting, number), (three.open, number), (three.over, over)):
        three.merge({"metadata": {"annotations": {"herold.dev/stop": f"{run} wrong price"}}}, campaign)
    assert "it has no run yet" in three.wait(three.waiting, "Degraded", "StopNotObeyed")
    with running(three.platform.worker()):
        three.wait(three.open, "Completed", "Stopped")
    three.wait(three.over, "Completed", "EverybodySettled")
    three.wait(three.over, "Degraded", "AsExpected")
    assert three.got(three.open) == Counter()


@row("limits, route, retry of the SenderProfile")
def test_limits_and_route_of_the_sender_are_obeyed_within_seconds(three: Three, tmp_path: Path) -> None:
    sender = three.resources[1]
    with smtp_sink(tmp_path / "other.log") as other:
        spec = {**sender["spec"], "limits": {"perSecond": "77"}, "retry": {"maxAttempts": 3}}
        three.platform.apply({**sender, "spec": {**spec, "route": {**spec["route"], "port": other.port}}})

        def rows() -> list[tuple[int, int]]:
            statement = "SELECT l.per_second::int, s.max_attempts FROM lane l JOIN sender s ON s.id = l.sender_id"
            return [(int(each[0]), int(each[1])) for each in three.platform.connection.execute(statement.encode())]

        wait_for("rates and retries", lambda: rows() == [(77, 3)])
        three.begin_waiting()
        three.wait(three.waiting, "Planned", "AudienceFrozen")
        three.finish(three.open, three.waiting)
        assert len(other.accepted()) == 10  # what was under way, and what began later
    assert three.got(three.open) == Counter()
    assert three.wait(three.open, "Degraded", "AsExpected")


@row("audience, template, variables, schedule, anything that decides who gets what and when")
def test_what_the_run_pinned_is_not_obeyed_afterwards(three: Three) -> None:
    three.merge({"spec": {"audience": {"maxRecipients": 4}}})
    assert "audience.maxRecipients" in three.wait(three.open, "Degraded", "FrozenFieldChanged")
    assert "audience.maxRecipients" in three.wait(three.over, "Degraded", "AlreadyRan")
    three.begin_waiting()
    three.wait(three.waiting, "Degraded", "TooManyRecipients")  # before the run it is obeyed
    three.finish(three.open)
    assert three.got(three.open) == EVERYBODY
    assert three.got(three.over) == EVERYBODY


@row("`spec.occurrence` one greater")
def test_a_greater_occurrence_is_a_run_of_its_own(three: Three) -> None:
    three.merge({"spec": {"occurrence": 2}})
    three.begin_waiting()
    for campaign in (three.waiting, three.open, three.over):
        wait_for("the run", lambda it=campaign: three.platform.status(it).get("run", {}).get("occurrence") == 2)  # type: ignore[misc]
    assert [len(three.runs(each)) for each in (three.waiting, three.open, three.over)] == [1, 2, 2]
    three.finish(three.waiting, three.open, three.over)
    assert three.got(three.open, 1) == three.got(three.open, 2) == EVERYBODY  # the one before went on
    assert three.got(three.over, 2) == three.got(three.waiting, 2) == EVERYBODY


@row("something that it names is deleted or wrong")
def test_what_is_wrong_is_said_and_what_is_under_way_goes_on_as_pinned(three: Three) -> None:
    three.platform.api.delete(three.resources[2])
    for campaign in (three.waiting, three.open, three.over):
        assert "MessageTemplate hello does not exist" in three.wait(campaign, "Valid", "ReferenceNotFound")
    three.begin_waiting()
    three.finish(three.open)
    assert three.got(three.open) == EVERYBODY
    assert three.runs(three.waiting) == []
    three.wait(three.over, "Completed", "EverybodySettled")


@row("the Campaign is deleted")
def test_a_deleted_campaign_keeps_its_run_and_sends_no_more(three: Three) -> None:
    for campaign in (three.waiting, three.over, three.open):
        three.platform.api.delete(campaign)
    wait_for("the pause", lambda: holds(three.platform) == ["Orphaned"])
    assert (three.runs(three.waiting), three.runs(three.over)[0].state) == ([], "Closed")
    assert (three.runs(three.open)[0].state, three.runs(three.open)[0].waiting) == ("Open", 5)


@row("the deleted Campaign comes back")
def test_a_campaign_that_comes_back_goes_on_or_asks(three: Three) -> None:
    for campaign in (three.waiting, three.over, three.open):
        three.platform.api.delete(campaign)
    wait_for("the pause", lambda: holds(three.platform) == ["Orphaned"])
    changed = {**three.open["spec"], "audience": {**three.open["spec"]["audience"], "maxRecipients": 99}}
    three.platform.apply(three.waiting, three.over, {**three.open, "spec": changed})
    three.wait(three.waiting, "Planned", "Scheduled")
    three.wait(three.over, "Completed", "EverybodySettled")
    assert "Orphaned" in three.wait(three.open, "Suspended", "Held")
    three.platform.api.delete(three.open)
    three.platform.apply(three.open)
    three.wait(three.open, "Suspended", "NotSuspended")
    three.finish(three.open)
    assert three.got(three.open) == three.got(three.over) == EVERYBODY


@row("many Campaigns vanish at once (5 and a fifth of all, within 30 s)")
def test_of_many_that_vanish_those_with_an_open_run_wait_for_a_person(three: Three) -> None:
    more = [named(three.open, f"open-{number}") for number in range(3)]
    three.platform.apply(*more)
    for campaign in more:
        three.wait(campaign, "Planned", "AudienceFrozen")
    three.platform.api.ask("DELETE", f"/apis/herold.dev/v1alpha1/namespaces/{TEAM}/campaigns")
    wait_for("the holds", lambda: holds(three.platform) == ["MassDeletion"] * 4)
    three.platform.apply(three.waiting, three.over, three.open, *more)
    three.wait(three.waiting, "Planned", "Scheduled")
    three.wait(three.waiting, "Suspended", "NotSuspended")
    three.wait(three.over, "Completed", "EverybodySettled")
    for campaign in (three.open, *more):
        three.wait(campaign, "Suspended", "MassDeletion")


def test_each_row_of_the_table_has_a_test_and_each_test_a_row() -> None:
    page = (ROOT / "docs" / "how-to" / "operate.md").read_text()
    table = page.partition("## What an edit does while it runs")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")][2:]
    tests = [test.row for _, test in inspect.getmembers(sys.modules[__name__]) if hasattr(test, "row")]
    assert sorted(rows) == sorted(tests)
