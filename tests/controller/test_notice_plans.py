"""What is news for a team: each thing once, pairs that belong together, and no word that a person wrote."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from herold_operator.notice_body import ENDS, NOTICES, About, Finding, NoticeType, build_findings, reference_lines
from herold_operator.notices import MOST_A_DAY, Facts, baseline, facts_of, plan_absence_notice, plan_notices
from herold_operator.reasons import MEANINGS, ConditionType, Reason
from herold_operator.snapshot import RunView

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
LATE = Finding("ManyExpire", "1,200 of 5,000 people are reached too late", "raise the pace")
AWAY = Finding("RelayAway", "relay.example:25: no answer", "see that the relay runs")
# What a team may hear of: reasons of Degraded, and one of Planned.
DEGRADED = [reason for reason in MEANINGS if MEANINGS[reason].type is ConditionType.DEGRADED]


def run(number: int = 7, **changes: Any) -> RunView:
    made = RunView(
        id=number, namespace="campaigns-shop", name="sale", occurrence=1, state="Open", suspended=False,
        stopped_at=None, intent_digest="d" * 64, created_at=NOW, started_at=None, closed_at=None, start_by=NOW,
        left_out={"NoConsent": 3000, "Suppressed": 104, "Excluded": 0}, planned=48211, sent=0, deferred=0, failed=0,
        suppressed=0, skipped=0, uncertain=0, waiting=48211, next_due_at=None, sender="campaigns-shared/shop",
    )  # fmt: skip
    return replace(made, **changes)


def about(**changes: Any) -> About:
    made = About(
        system="1", environment="test", namespace="campaigns-shop", name="sale", uid="u", mode="Live", generation=1,
        occurrence=1, digest="d" * 64, run=None, findings=None, at=NOW,
    )  # fmt: skip
    return replace(made, **changes)


def status(state: str, number: int = 0, *, started: bool = False, **conditions: str) -> dict[str, Any]:
    """`conditions`: reasons by type. What people wrote stands in their messages."""
    message = "hold 3 on Team by anna@laptop: ask Ben"
    made: dict[str, Any] = {
        "state": state,
        "conditions": [
            {"type": name, "reason": reason, "status": MEANINGS[Reason(reason)].status, "message": message}
            for name, reason in conditions.items()
        ],
    }
    if number:
        made["run"] = {"id": number, "occurrence": 1} | ({"startedTime": "2026-12-01T09:00:00Z"} if started else {})
    return made


def kinds(told: Facts, now: Facts, **changes: Any) -> tuple[list[str], Facts]:
    notices, after = plan_notices(told, now, about(**changes))
    return [each.type.removeprefix("campaign.") for each in notices], after


def test_a_life_is_told_in_its_order_and_each_thing_once() -> None:
    told, heard = Facts(), []
    going = run(started_at=NOW)
    over = replace(going, closed_at=NOW + timedelta(minutes=13), state="Closed", sent=48211)
    life = [
        (status("Scheduled"), None),
        (status("Armed", 7), run()),
        (status("Sending", 7, started=True), going),
        (status("Held", 7, started=True, Suspended="Held"), going),
        (status("Sending", 7, started=True, Suspended="NotSuspended"), going),
        (status("Completed", 7, started=True, Suspended="NotSuspended"), over),
    ]
    for said, seen in life:
        for _ in range(2):
            news, told = kinds(told, facts_of(said), run=seen)
            heard += news
    assert heard == ["started", "held", "released", "completed"]


def test_what_is_over_before_it_is_seen_is_told_with_its_beginning() -> None:
    over = run(started_at=NOW, closed_at=NOW + timedelta(minutes=13), state="Closed", sent=48190, failed=12, skipped=9)
    notices, _ = plan_notices(Facts(), facts_of(status("Completed", 7, started=True)), about(run=over))
    assert [each.type for each in notices] == ["campaign.started", "campaign.completed"]
    assert json.loads(notices[1].body)["text"] == (
        "campaigns-shop/sale (test): done. Of 48,211 people: 48,190 sent, 12 failed, 9 skipped; "
        "3,104 people left out (NoConsent 3,000, Suppressed 104). It took 13 min."
    )
    assert json.loads(notices[1].body)["data"]["durationSeconds"] == 780.0


def test_a_brake_that_ends_with_the_run_is_not_released() -> None:
    _, told = kinds(Facts(), facts_of(status("Held", 7, started=True, Suspended="Held")), run=run(started_at=NOW))
    ended = facts_of(status("Stopped", 7, started=True, Suspended="NotSuspended"))
    assert kinds(told, ended, run=run(started_at=NOW, closed_at=NOW))[0] == ["stopped"]


def test_a_run_that_never_began_is_missed() -> None:
    missed = facts_of(status("Missed", 7, Degraded="StartMissed"))
    assert kinds(Facts(), missed, run=run(closed_at=NOW))[0] == ["missed"]


def test_an_older_run_is_told_of_no_more_and_a_newer_one_anew() -> None:
    completed = facts_of(status("Completed", 7, started=True))
    _, told = kinds(Facts(), completed, run=run(started_at=NOW, closed_at=NOW))
    assert kinds(told, facts_of(status("Scheduled")))[0] == []
    assert kinds(told, facts_of(status("Completed", 5, started=True)), run=run(5))[0] == []
    assert kinds(told, facts_of(status("Sending", 8, started=True)), run=run(8, started_at=NOW))[0] == ["started"]


def test_an_edit_after_the_end_is_told_and_nothing_else() -> None:
    _, told = kinds(Facts(), facts_of(status("Completed", 7, started=True)), run=run(started_at=NOW, closed_at=NOW))
    edited = facts_of(status("Completed", 7, started=True, Degraded="AlreadyRan"))
    assert kinds(told, edited, run=run(started_at=NOW, closed_at=NOW))[0] == ["trouble"]
    other = facts_of(status("Completed", 7, started=True, Degraded="WorkersMissing"))
    assert kinds(told, other, run=run(started_at=NOW, closed_at=NOW))[0] == []


def test_trouble_is_told_when_it_comes_changes_and_goes() -> None:
    told, heard = Facts(), []
    for reason in ("AsExpected", "NotAccepted", "NotAccepted", "NobodyToReach", "LedgerUnavailable", "AsExpected"):
        news, told = kinds(told, facts_of(status("Scheduled", Degraded=reason)))
        heard.append(news)
    assert heard == [[], ["trouble"], [], ["trouble"], ["trouble_over"], []]


def test_an_approval_that_is_missing_is_told_though_nothing_is_out_of_order() -> None:
    waiting = facts_of(status("Scheduled", Planned="ApprovalMissing", Degraded="AsExpected"))
    notices, told = plan_notices(Facts(), waiting, about())
    assert [(each.type, json.loads(each.body)["data"]["reason"]) for each in notices] == [
        ("campaign.trouble", "ApprovalMissing")
    ]
    assert kinds(told, facts_of(status("Scheduled", Planned="Scheduled", Degraded="AsExpected")))[0] == ["trouble_over"]


def test_a_finding_is_told_once_though_its_numbers_change_and_again_after_it_was_gone() -> None:
    told, heard = Facts(), []
    other = replace(LATE, message="1,350 of 5,100 people are reached too late")
    for findings in (None, (LATE,), (other,), (LATE, AWAY), None, (AWAY,), (LATE,), (), (), (LATE,)):
        news, told = kinds(told, facts_of(status("Scheduled")), findings=findings)
        heard.append(news)
    it, gone = ["preflight_found"], ["preflight_clear"]
    assert heard == [[], it, [], it, [], [], [], gone, [], it]


def test_two_names_that_differ_by_a_number_are_two_findings() -> None:
    first, second = (replace(AWAY, message=f"s{number}._domainkey.shop.de: no TXT record") for number in (1, 2))
    news, told = kinds(Facts(), facts_of(status("Scheduled")), findings=(first,))
    assert news == ["preflight_found"]
    assert kinds(told, facts_of(status("Scheduled")), findings=(first, second))[0] == ["preflight_found"]


def test_of_a_campaign_of_which_nothing_was_told_its_status_counts_as_told() -> None:
    over = status("Completed", 7, started=True, Degraded="AlreadyRan")
    closed = run(started_at=NOW, closed_at=NOW)
    assert plan_notices(baseline(over, facts_of(over), about(run=closed)), facts_of(over), about(run=closed))[0] == []
    ahead = status("Scheduled", Degraded="PreflightFoundTrouble")
    known = about(findings=(LATE,))
    assert plan_notices(baseline(ahead, facts_of(ahead), known), facts_of(ahead), known)[0] == []
    assert plan_notices(baseline({}, facts_of(ahead), known), facts_of(ahead), known)[0] != []


def test_in_a_cluster_that_is_made_anew_what_ended_long_ago_is_no_news() -> None:
    over, closed = facts_of(status("Completed", 7, started=True)), run(started_at=NOW, closed_at=NOW)
    today = about(run=closed, at=NOW + timedelta(hours=23))
    assert [each.type for each in plan_notices(baseline({}, over, today), over, today)[0]] == [
        "campaign.started",
        "campaign.completed",
    ]
    later = about(run=closed, at=NOW + timedelta(hours=25))
    assert plan_notices(baseline({}, over, later), over, later)[0] == []


def test_a_campaign_that_is_gone_is_held_once_and_released_when_it_is_back() -> None:
    going = about(run=run(started_at=NOW))
    told = Facts(run=7, started=True)
    notices, told = plan_absence_notice(told, going, "Orphaned")
    assert [each.type for each in notices] == ["campaign.held"]
    assert plan_absence_notice(told, going, "Orphaned") == ([], told)
    back = facts_of(status("Sending", 7, started=True, Suspended="NotSuspended"))
    assert kinds(told, back, run=run(started_at=NOW))[0] == ["released"]


def test_what_flaps_is_told_so_often_a_day_and_how_it_stands_the_next_day() -> None:
    told, heard = Facts(), []
    held = facts_of(status("Held", 7, started=True, Suspended="Held"))
    going = facts_of(status("Sending", 7, started=True, Suspended="NotSuspended"))
    for _ in range(MOST_A_DAY):
        for now in (held, going):
            notices, after = plan_notices(told, now, about(run=run(started_at=NOW)))
            told = after if notices else told
            heard += notices
    assert len([each for each in heard if each.type != "campaign.started"]) == MOST_A_DAY
    assert "nothing more of this is told today" in heard[-1].body
    assert "nothing more" not in heard[-2].body
    tomorrow = {"run": run(started_at=NOW), "at": NOW + timedelta(days=1)}
    assert [each.type for each in plan_notices(told, held, about(**tomorrow))[0]] == ["campaign.held"]
    over = facts_of(status("Completed", 7, started=True))
    assert [each.type for each in plan_notices(told, over, about(run=run(closed_at=NOW)))[0]] == ["campaign.completed"]


facts = st.builds(
    Facts,
    run=st.integers(0, 3),
    started=st.booleans(),
    end=st.sampled_from(["", *ENDS]),
    brake=st.sampled_from(["", "Held", "SpecSuspend", "LooksLikeRepeat"]),
    trouble=st.sampled_from(["", "NotAccepted", "WorkersMissing", "NobodyToReach"]),
)
found = st.none() | st.lists(st.sampled_from([LATE, AWAY]), unique=True).map(tuple)


@given(st.lists(st.tuples(facts, found), max_size=12))
def test_whatever_happens_nothing_is_told_twice_and_what_ends_was_told_before(life: list[Any]) -> None:
    told, heard, numbers = Facts(), [], []
    for now, findings in life:
        seen = run(now.run, started_at=NOW, closed_at=NOW) if now.run else None
        told = Facts.from_json(json.loads(json.dumps(told.to_json())))  # as the ledger keeps it
        notices, after = plan_notices(told, now, about(run=seen, findings=findings))
        assert plan_notices(after, now, about(run=seen, findings=findings)) == ([], after)
        told = after if notices else told
        heard += [each.type for each in notices]
        numbers += [each.id for each in notices]
    assert len(set(numbers)) == len(numbers)
    assert not any("." in number for number in numbers)
    for begins, ends in (
        (NoticeType.HELD, NoticeType.RELEASED),
        (NoticeType.TROUBLE, NoticeType.TROUBLE_OVER),
        (NoticeType.PREFLIGHT_FOUND, NoticeType.PREFLIGHT_CLEAR),
    ):
        pair = [kind for kind in heard if kind in (begins, ends)]
        assert pair[:1] in ([], [begins])
        assert all(not (one == ends == other) for one, other in pairwise(pair))


@pytest.mark.parametrize("reason", [*DEGRADED, Reason.APPROVAL_MISSING])
def test_what_people_wrote_is_in_no_notice(reason: Reason) -> None:
    said = status("Held", 7, started=True, Suspended="Held", **{str(MEANINGS[reason].type): str(reason)})
    notices, _ = plan_notices(Facts(), facts_of(said), about(run=run(started_at=NOW)))
    for word in ("anna", "Ben", "@"):
        assert word not in "".join(each.body for each in notices)


def test_a_finding_that_may_quote_a_template_or_an_address_is_told_without() -> None:
    raw = (
        {"what": "CannotRender", "message": "spec.contents[0].text: {{ contact.secret_field }}", "hint": "mend it"},
        {"what": "LoginRefused", "message": "relay refuses\nnews@shop.example", "hint": "ask  postmaster@shop.example"},
    )
    cannot, login = build_findings(raw) or ()
    assert "secret_field" not in cannot.message
    assert (login.message, login.hint) == ("relay refuses <address>", "ask <address>")


def test_a_body_has_what_the_documentation_says() -> None:
    over = run(started_at=NOW, closed_at=NOW, state="Closed", uncertain=3)
    notices, _ = plan_notices(Facts(), facts_of(status("Stopped", 7, started=True)), about(run=over))
    body = json.loads(notices[-1].body)
    assert set(body) == {"type", "timestamp", "text", "data"}
    assert set(body["data"]) == {
        "environment", "namespace", "name", "mode", "generation", "occurrence", "intentDigest", "run", "counts",
        "leftOut", "startedTime", "closedTime", "durationSeconds",
    }  # fmt: skip
    assert "stopped for good" in body["text"]
    assert "possibly not reached: 3" in body["text"]


def test_the_same_thing_of_another_campaign_has_another_id() -> None:
    started = facts_of(status("Sending", 7, started=True))
    seen = {"run": run(started_at=NOW)}
    others: tuple[dict[str, str], ...] = (
        {},
        {"name": "other"},
        {"namespace": "campaigns-club"},
        {"environment": "prod"},
        {"system": "2"},
    )
    numbers = [plan_notices(Facts(), started, about(**seen, **other))[0][0].id for other in others]
    assert len(set(numbers)) == len(others)
    # A run is itself, though its resource was deleted and made again.
    again = plan_notices(Facts(), started, about(**seen, uid="another"))[0][0].id
    assert again == numbers[0]


def test_every_type_is_in_the_reference_page() -> None:
    page = "\n".join(reference_lines())
    assert set(NOTICES) == set(NoticeType)
    assert all(f"`{each}`" in page for each in NoticeType)
