"""One screen that says how a campaign goes, what stands in its way, and what to do about it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

from controller.platform import TEAM, Platform
from herold.ledger.holds import hold
from herold_kubectl.pace import Pace, Pacer
from herold_kubectl.screen import Happened, View, Workers, build_screen
from herold_kubectl.troubles import find_troubles
from kubectl.hand import Hand
from parts.kubernetes import wait_for
from parts.ledger import Hand as Worker

COUNTS = {"planned": 1000, "sent": 400, "deferred": 3, "failed": 10, "suppressed": 5, "skipped": 0, "uncertain": 1}


def status(state: str = "Sending", at: str = "2026-12-01T08:01:40Z", **counts: int) -> dict[str, Any]:
    return {
        "state": state,
        "observedGeneration": 1,
        "run": {"id": 35000001, "occurrence": 1, "startedTime": "2026-12-01T08:00:00Z"},
        "counts": {**COUNTS, **counts},
        "ledger": {"system": "1", "timeline": 1, "sent": 400, "observedTime": at},
        "conditions": [],
    }


def stated(kind: str, value: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-12-01T08:01:00Z",
        "observedGeneration": 1,
    }


def campaign(**found: Any) -> dict[str, Any]:
    return {"metadata": {"name": "spring-sale", "namespace": "campaigns-shop", "generation": 1}, "status": found}


def screen(item: dict[str, Any], width: int = 80, **parts: Any) -> str:
    values = {"pace": None, "workers": Workers("a/b", 2, 1), "events": [], **parts}
    lines = build_screen(View(item, find_troubles(item), **values), width, blocks=False)
    assert max(map(len, lines)) <= width, lines
    assert len(lines) <= 24 or width < 80
    return "\n".join(lines)


def test_counts_have_a_bar_and_a_pace_with_the_time_that_is_left() -> None:
    screen(campaign(**status()), width=40, pace=Pace(4.16, "average", 140.4))
    text = screen(campaign(**status()), pace=Pace(4.16, "average", 140.4))
    assert "campaigns-shop/spring-sale: Sending, run 35000001, occurrence 1" in text
    assert f"[{'#' * 17}{'.' * 23}] 42%, 416 of 1,000 settled" in text
    assert "sent 400  failed 10  uncertain 1  waiting 584, 3 of them put off" in text
    assert "suppressed 5  skipped 0" in text
    assert "4.2 a second on average since it began, about 2 min 20 s left" in text
    assert "workers of a/b: 2 asked for, 1 ready" in text


def test_what_stands_in_the_way_comes_with_what_to_do_about_it_for_this_very_campaign() -> None:
    held = stated("Suspended", "True", "Held", "hold 3 on Team by anna@x: they move house; hold 4 on Campaign by b: c")
    invalid = stated("Valid", "False", "InvalidSpec", "Campaign a/b: spec.audience: is wrong (write it right)")
    unheard = stated("Degraded", "True", "ReasonOfTomorrow", "Something new.")
    fine = stated("Planned", "True", "AudienceFrozen", "Run 1: 5 people.")
    text = screen(campaign(**{**status("Held"), "conditions": [invalid, fine, held, unheard]}))
    assert "Suspended: Held, since 2026-12-01 08:01:00 UTC" in text
    assert "hold 3 on Team by anna@x: they move house" in text
    assert "kubectl campaign release spring-sale -n campaigns-shop" in " ".join(text.split())
    assert "spec.audience: is wrong" in text
    assert "Something new." in text
    assert "AudienceFrozen" not in text


def test_an_operator_that_has_not_looked_is_said() -> None:
    assert "has not looked at it yet" in screen({"metadata": {"name": "a", "namespace": "b", "generation": 1}})
    item = campaign(**{**status(), "conditions": [stated("Valid", "True", "Accepted", "Right.")]})
    item["metadata"]["generation"] = 2
    assert "has not looked at the newest edit yet" in screen(item)
    assert "Nothing stands in its way." not in screen(item)


def test_what_may_not_be_read_is_said_and_what_others_wrote_moves_no_cursor() -> None:
    text = screen(campaign(**status()), workers=None, events=None)
    assert "workers: you may not read them" in text
    assert "events: you may not read them" in text
    happened = Happened(datetime(2026, 12, 1, 8, tzinfo=UTC), "Held", "evil \x1b[2J " + "long " * 40, 3)
    text = screen(campaign(**status()), events=[happened] * 9)
    assert "\x1b" not in text
    assert text.count("Held (3 times)") == 5


def test_the_pace_is_an_average_at_first_and_then_what_was_seen_lately() -> None:
    pacer = Pacer()
    first = pacer.pace(status())
    assert first == Pace(4.16, "average", 584 / 4.16)
    assert pacer.pace(status()) == first
    assert pacer.pace(status(at="2026-12-01T08:01:55Z", sent=550)) == Pace(10.0, "lately", 43.4)
    assert pacer.pace(status(at="2026-12-01T08:02:10Z", sent=550)) == Pace(5.0, "lately", 86.8)
    assert pacer.pace(status("Held")) is None
    assert Pacer().pace({"state": "Scheduled"}) is None


def test_status_reads_the_cluster_and_names_who_holds_it(platform: Platform, people: dict[str, Hand]) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    hold(platform.connection, "Team", TEAM, reason="they move house", actor="anna@laptop")
    platform.wait_reason(campaign, "Suspended", "Held")
    olga = people["olga"]
    said = olga.must("status", "hello")
    assert said.out.startswith(f"{TEAM}/hello: Held, run ")
    assert "on Team by anna@laptop: they move house" in said.out
    assert "workers: you may not read them" in said.out
    wait_for("the Event", lambda: "AudienceFrozen" in olga.must("status", "hello").out)
    found = olga.must("status", "hello", "-o", "json").json
    assert (found["campaign"], found["state"], found["workers"]) == (f"{TEAM}/hello", "Held", None)
    assert found["counts"]["waiting"] == 5
    assert [each["reason"] for each in found["troubles"]] == ["Held"]
    assert "AudienceFrozen" in [each["reason"] for each in found["events"]]
    stranger = people["stranger"]("status", "hello")
    assert (stranger.code, stranger.out) == (4, "")
    assert olga("status", "nope").code == 3
    admin = Hand(platform.api.kubeconfig(), platform.folder)
    text = admin.must("status", "hello", "-n", TEAM).out
    assert re.search(r"workers of (campaigns-shared/|the shared sender )shop-newsletter: [01] asked for, 0 ready", text)


def test_a_campaign_that_waits_for_an_approval_says_which_file_is_missing() -> None:
    file = "gitops/approvals/test/shop/spring-sale-7b72bd23.yaml"
    message = f"It may go to 60,000 people, and more than 50,000 take a second person. To do: an approver adds {file}."
    item = campaign(
        state="Unapproved",
        observedGeneration=1,
        conditions=[
            stated("Valid", "True", "Accepted", "right"),
            stated("Planned", "False", "ApprovalMissing", message),
            stated("Degraded", "False", "AsExpected", "fine"),
        ],
    )
    text = screen(item)
    assert "campaigns-shop/spring-sale: Unapproved" in text
    assert "Planned: ApprovalMissing" in text
    assert file in text
    item["status"]["conditions"][1] = stated("Planned", "False", "NotPlanned", "There is no run.")
    assert "Planned" not in screen(item)


def test_those_that_need_somebody_stand_first(platform: Platform, people: dict[str, Hand]) -> None:
    platform.operator()
    for name in ("a-fine", "b-held", "c-fine"):
        campaign = platform.declare(name=name, schedule={"at": "2036-12-01T09:00:00"})
        platform.wait_reason(campaign, "Planned", "Scheduled")
        if name == "b-held":
            platform.api.merge(campaign, {"metadata": {"annotations": {"herold.dev/hold": "enough"}}})
            platform.wait_reason(campaign, "Suspended", "Held")
    lines = people["vera"].must("status").out.splitlines()
    assert lines[0].split() == ["CAMPAIGN", "STATE", "TROUBLE", "SENT", "PLANNED", "UNCERTAIN", "NEXT"]
    assert [line.split()[0] for line in lines[1:]] == ["b-held", "a-fine", "c-fine"]
    assert lines[1].split()[1:3] == ["Held", "Held"]
    admin = Hand(platform.api.kubeconfig(), platform.folder)
    found = admin.must("status", "-A", "-o", "json").json
    assert [each["campaign"] for each in found] == [f"{TEAM}/b-held", f"{TEAM}/a-fine", f"{TEAM}/c-fine"]
    assert admin.must("status").out == "there are no campaigns in default\n"
    assert admin("status", "hello", "-A").code == 2


def test_watching_ends_when_the_campaign_is_over_and_says_each_change_once(
    platform: Platform, people: dict[str, Hand]
) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    watching = subprocess.Popen(
        [sys.executable, "-m", "herold_kubectl", "status", "hello", "--watch"],
        stdout=subprocess.PIPE,
        text=True,
        env=people["vera"].environ(),
    )
    assert watching.stdout is not None
    with watching.stdout as said:
        assert said.readline().startswith(f"{TEAM}/hello: Armed")
        worker = Worker(platform.url)
        wait_for("a window", lambda: worker.record(worker.window(), "sent"))
        worker.maintain()
        rest = said.read()
    assert watching.wait(30) == 0
    assert f"{TEAM}/hello: Completed" in rest
    assert rest.count("Completed, run") == 1


def test_on_a_terminal_of_80_columns_the_screen_is_drawn_in_place(platform: Platform, people: dict[str, Hand]) -> None:
    platform.operator()
    campaign = platform.declare()
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    master, slave = pty.openpty()
    watching = subprocess.Popen(
        [sys.executable, "-m", "herold_kubectl", "status", "hello", "--watch"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=people["vera"].environ(COLUMNS="80", TERM="xterm"),
        start_new_session=True,
    )
    os.close(slave)
    text = b""

    def drawn() -> bool:
        nonlocal text
        if select.select([master], [], [], 0.1)[0]:
            text += os.read(master, 65_536)
        return text.count(b"Armed, run") >= 2

    try:
        wait_for("two drawings", drawn)
    finally:
        watching.terminate()
        watching.wait(30)
        os.close(master)
    assert "░".encode() in text
    assert b"\x1b[1A" in text
