"""Approval by a second person: without it nothing starts, with it just this does; what was started stays started."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.platform import TEAM, Object, Operator, Platform, approval, bounded, builds, intent_digest, named, world
from controller.test_events import wait_told
from herold.planning.draft import make_draft
from herold.resources.catalogue import load
from herold_operator.approvals import read_threshold
from parts.jobs import is_over
from parts.kubernetes import ROOT, Answer, served, wait_for

Start = Callable[..., Operator]


@pytest.fixture
def start(platform: Platform, tmp_path: Path) -> Start:
    """Start an operator whose parameters say that more than three people take an approval."""
    folder = tmp_path / "policy"
    folder.mkdir()
    (folder / "approval-above").write_text("3")

    def begin(**settings: str) -> Operator:
        return platform.operator(policy_dir=str(folder), **settings)

    return begin


def five(**overrides: Any) -> list[Object]:
    """A campaign that may go to five people; it is the last."""
    resources = world(**overrides)
    return [*resources[:-1], bounded(resources[-1], 5)]


def with_spec(campaign: Object, **fields: Any) -> Object:
    return {**campaign, "spec": {**campaign["spec"], **fields}}


def test_nothing_starts_until_a_second_person_approved_this_very_content(platform: Platform, start: Start) -> None:
    start()
    resources = five()
    campaign = resources[-1]
    platform.apply(*resources)
    message = platform.wait_reason(campaign, "Planned", "ApprovalMissing")["message"]
    assert "It may go to 5 people, and more than 3 take a second person. Nobody has approved it." in message
    given = intent_digest(resources)
    file = f"gitops/approvals/test/shop/hello-{given[7:15]}.yaml"
    assert f"an approver adds {file}, a CampaignApproval with campaign: hello," in message
    assert f"intentDigest: {given}, maxRecipients: 5" in message
    platform.wait_reason(campaign, "Valid", "Accepted")
    assert platform.status(campaign)["state"] == "Unapproved"
    assert platform.runs() == []
    assert platform.node.jobs() == []

    platform.apply(approval(resources))
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    assert [run.planned for run in platform.runs()] == [5]
    audited = platform.connection.execute("SELECT target, detail FROM audit WHERE action = 'StartApproved'").fetchall()
    assert audited == [("campaigns-shop/hello#1", {"approval": "yes", "digest": given, "most": 5})]
    for reason in ("ApprovalMissing", "Approved", "AudienceFrozen"):
        wait_told(platform, campaign, reason)


# What each is for. Kubernetes' own view, edit and admin are sums of these, which only a controller manager makes.
ROLES = {"campaign-viewer": "list", "campaign-operator": "patch", "campaign-auditor": ""}


@pytest.mark.parametrize("role", ROLES)
def test_nobody_of_a_team_makes_changes_or_takes_away_an_approval_by_hand(platform: Platform, role: str) -> None:
    for item in yaml.safe_load_all((ROOT / "operator" / "deploy" / "campaign-roles.yaml").read_text()):
        platform.api.apply(item)
    binding = {
        **{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding"},
        "metadata": {"name": f"anna-{role}", "namespace": TEAM},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"anna-{role}"}],
    }
    platform.api.apply(binding)

    def may(verb: str, resource: str = "campaignapprovals") -> bool:
        attributes = {"group": "herold.dev", "resource": resource, "namespace": TEAM, "verb": verb}
        review = {
            **{"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"},
            "spec": {"user": f"anna-{role}", "resourceAttributes": attributes},
        }
        answer = platform.api.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer["status"]["allowed"])

    if ROLES[role]:  # the binding is known once it allows what it is for
        wait_for("the role", lambda: may(ROLES[role], "campaigns"))
    changes = ("create", "update", "patch", "delete", "deletecollection")
    assert [verb for verb in changes if may(verb)] == []


def later(**overrides: Any) -> list[Object]:
    """The same, due in two days."""
    due = datetime.now(UTC) + timedelta(days=2)
    return five(schedule={"at": due.strftime("%Y-%m-%dT%H:%M:%S")}, **overrides)


def missing(platform: Platform, campaign: Object, *words: str) -> None:
    """Until the campaign says that it waits for an approval, in these words."""

    def said() -> bool:
        found = platform.condition(campaign, "Planned") or {"reason": "", "message": ""}
        return found["reason"] == "ApprovalMissing" and all(each in found["message"] for each in words)

    wait_for(f"ApprovalMissing {words}", said)


def test_the_operator_computes_the_very_digest_of_the_plan(platform: Platform, tmp_path: Path) -> None:
    """The API server writes defaults out, sorts fields and adds its own: the examples come out the same."""
    (tmp_path / "approval-above").write_text("0")
    platform.operator(policy_dir=str(tmp_path))
    catalogue = load([ROOT / "gitops" / "campaigns" / "test"], shared_namespace="campaigns-shared")
    platform.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "campaigns-club"}})
    platform.apply(*(document.value for document in catalogue.documents.values()))
    campaigns = catalogue.campaigns()
    assert len(campaigns) == 3
    for campaign in campaigns:
        draft = make_draft(catalogue.resolved(campaign), now=datetime.now(UTC))
        missing(platform, catalogue.documents[campaign.key].value, f"intentDigest: sha256:{draft.intent_digest},")


def test_another_content_or_another_bound_takes_another_approval(platform: Platform, start: Start) -> None:
    start()
    resources = later()
    template, campaign = resources[2], resources[-1]
    platform.apply(*resources, approval(resources, name="four", maxRecipients=4))
    missing(platform, campaign, "CampaignApproval four is for at most 4 people.")
    platform.apply(approval(resources, name="five"))
    assert "CampaignApproval five approves it." in platform.wait_reason(campaign, "Planned", "Scheduled")["message"]

    contents = [{**each, "subject": "Hello again"} for each in template["spec"]["contents"]]
    edited = [*resources[:2], with_spec(template, contents=contents), *resources[3:]]
    platform.apply(edited[2])
    missing(platform, campaign, "approved for other content (CampaignApproval five and 1 more), and changed since.")
    missing(platform, campaign, f"intentDigest: {intent_digest(edited)}")
    platform.apply(approval(edited, name="again"))
    platform.wait_reason(campaign, "Planned", "Scheduled")

    platform.apply(bounded(campaign, 6))
    missing(platform, campaign, "It may go to 6 people", "changed since")
    platform.apply(bounded(campaign, 3))
    platform.wait_reason(campaign, "Planned", "Scheduled")


def test_an_approval_that_is_gone_or_expired_lets_nothing_start(platform: Platform, start: Start) -> None:
    start()
    resources = later()
    campaign = resources[-1]
    platform.apply(*resources, approval(resources))
    platform.wait_reason(campaign, "Planned", "Scheduled")
    platform.api.delete(approval(resources))
    missing(platform, campaign, "Nobody has approved it.")

    end = (datetime.now(UTC) + timedelta(seconds=4)).strftime("%Y-%m-%dT%H:%M:%SZ")
    platform.apply(approval(resources, name="short", expiresAt=end))
    platform.wait_reason(campaign, "Planned", "Scheduled")
    missing(platform, campaign, f"CampaignApproval short expired at {end}.")
    platform.apply(approval(resources, name="long", expiresAt="2099-01-01T00:00:00Z"))
    platform.wait_reason(campaign, "Planned", "Scheduled")


def test_an_audience_that_is_being_built_is_withdrawn_with_its_approval_whoever_is_killed_meanwhile(
    platform: Platform, start: Start
) -> None:
    platform.node.may_run = lambda pod: {"phase": "Pending"}
    first = start()
    resources = five()
    campaign = resources[-1]
    platform.apply(*resources, approval(resources))
    platform.wait_reason(campaign, "Planned", "Building")
    wait_for("the Job", platform.node.jobs)
    assert [each["approval"] for each in first.events("start_approved")] == ["yes"]
    first.stop(signal.SIGKILL)
    platform.api.delete(approval(resources))
    start()
    missing(platform, campaign, "Nobody has approved it.")
    wait_for("the request to be taken back", lambda: builds(platform) == [])
    platform.node.may_run = lambda pod: None
    wait_for("the Job to end", lambda: all(is_over(each) for each in platform.node.jobs()))
    assert platform.runs() == []

    platform.apply(approval(resources, name="after-all"))
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    assert len(platform.runs()) == 1


def test_what_was_started_stays_started(platform: Platform, start: Start) -> None:
    first = start()
    resources = five(campaign={"suspend": True})
    campaign = resources[-1]
    platform.apply(*resources, approval(resources))
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    platform.api.delete(approval(resources))
    platform.apply(bounded(with_spec(campaign, suspend=True), 6))
    platform.wait_reason(campaign, "Degraded", "FrozenFieldChanged")
    first.stop(signal.SIGKILL)
    start()
    platform.apply(with_spec(campaign, suspend=False))
    platform.wait_reason(campaign, "Suspended", "NotSuspended")
    platform.wait_reason(campaign, "Planned", "AudienceFrozen")
    assert [(run.state, run.suspended) for run in platform.runs()] == [("Open", False)]


def test_a_suspended_campaign_is_not_built_either_for_it_may_go_on(platform: Platform, start: Start) -> None:
    start()
    resources = five(campaign={"suspend": True})
    platform.apply(*resources)
    missing(platform, resources[-1], intent_digest(resources))
    assert platform.status(resources[-1])["state"] == "Suspended"
    assert platform.runs() == []
    platform.apply(approval([*resources[:-1], with_spec(resources[-1], suspend=False)]))
    platform.wait_reason(resources[-1], "Planned", "AudienceFrozen")


def test_proofs_and_small_campaigns_take_nobody(platform: Platform, start: Start) -> None:
    start()
    resources = five(sender={"seeds": [{"address": "seed@shop.example", "locale": "en"}]}, campaign={"mode": "Proof"})
    few = bounded(named(world()[-1], "few"), 3)
    platform.apply(*resources, few)
    platform.wait_reason(resources[-1], "Planned", "AudienceFrozen")
    platform.wait_reason(few, "Degraded", "TooManyRecipients")  # three were allowed, and there are five


def test_an_approved_audience_is_never_greater_than_the_bound_that_was_approved(
    platform: Platform, start: Start
) -> None:
    start()
    resources = world()
    resources = [*resources[:-1], bounded(resources[-1], 4)]
    platform.apply(*resources, approval(resources))
    platform.wait_reason(resources[-1], "Degraded", "TooManyRecipients")
    assert platform.runs() == []


def test_a_start_for_which_nobody_approved_in_time_is_missed(platform: Platform, start: Start) -> None:
    start()
    resources = five(schedule={"startingDeadline": "30m"})
    campaign = resources[-1]
    platform.apply(*resources)
    platform.wait_reason(campaign, "Degraded", "StartMissed")
    platform.apply(approval(resources))
    platform.wait_reason(approval(resources), "Valid", "Accepted")
    platform.wait_reason(campaign, "Degraded", "StartMissed")
    assert platform.runs() == []


def test_another_threshold_is_obeyed_within_moments(platform: Platform, start: Start, tmp_path: Path) -> None:
    start()
    resources = five()
    platform.apply(*resources)
    missing(platform, resources[-1])
    (tmp_path / "policy" / "approval-above").write_text("5\n")
    platform.wait_reason(resources[-1], "Planned", "AudienceFrozen")


@pytest.mark.parametrize(
    ("text", "in_test", "in_prod"),
    [
        ("50000\n", 50_000, 50_000),
        ("0", 0, 0),
        ("", None, 0),
        (None, None, 0),
        ("many", 0, 0),
        ("-1", 0, 0),
        ("٣", 0, 0),
    ],
)
def test_where_the_threshold_is_not_known_everything_takes_an_approval_but_in_test(
    tmp_path: Path, text: str | None, in_test: int | None, in_prod: int
) -> None:
    if text is not None:
        (tmp_path / "approval-above").write_text(text, encoding="utf-8")
    assert read_threshold(tmp_path, "test") == in_test
    assert read_threshold(tmp_path, "prod") == in_prod
    assert read_threshold(tmp_path, "staging") == in_prod


def test_a_threshold_that_can_not_be_read_lets_nothing_pass(tmp_path: Path) -> None:
    (tmp_path / "approval-above").mkdir()
    assert read_threshold(tmp_path, "test") == 0
    assert read_threshold(None, "test") is None
    assert read_threshold(None, "prod") == 0


def test_an_approval_is_never_edited(platform: Platform) -> None:
    resources = five()
    platform.apply(approval(resources))
    platform.apply(approval(resources))
    for change in ({"maxRecipients": 6}, {"expiresAt": "2099-01-01T00:00:00Z"}, {"campaign": "other"}):
        with pytest.raises(Answer, match="never edited"):
            platform.api.merge(approval(resources), {"spec": change})


@pytest.fixture
def older_cluster(platform: Platform) -> Iterator[None]:
    """A cluster whose CRDs have no approvals yet."""
    definition = yaml.safe_load((ROOT / "operator" / "crds" / "campaignapprovals.yaml").read_text())
    platform.api.delete(definition)
    wait_for("the kind to be gone", lambda: not served(platform.api))
    try:
        yield
    finally:
        platform.api.apply(definition)
        wait_for("Herold's kinds", lambda: served(platform.api))


@pytest.mark.usefixtures("older_cluster")
def test_where_the_kind_is_not_installed_yet_small_campaigns_go_out_and_others_wait(
    platform: Platform, start: Start
) -> None:
    operator = start()
    resources = five()
    small = bounded(named(resources[-1], "small"), 3)
    platform.apply(*resources, small)
    missing(platform, resources[-1], "The kind CampaignApproval is not installed")
    platform.wait_reason(small, "Degraded", "TooManyRecipients")
    assert operator.events("kind_missing")

    platform.api.apply(yaml.safe_load((ROOT / "operator" / "crds" / "campaignapprovals.yaml").read_text()))
    wait_for("Herold's kinds", lambda: served(platform.api))
    assert operator.process.wait(60) == 0  # as a pod it is started anew, and watches the kind
    assert operator.events("kind_came")
    start()
    platform.apply(approval(resources))
    platform.wait_reason(resources[-1], "Planned", "AudienceFrozen")
