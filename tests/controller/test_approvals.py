"""Approval by a second person: without it nothing starts, with it just this does; what was started stays started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.platform import Object, Operator, Platform, approval, intent_digest, world

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
    return [*resources[:-1], with_bound(resources[-1], 5)]


def with_bound(campaign: Object, most: int) -> Object:
    return with_spec(campaign, audience={**campaign["spec"]["audience"], "maxRecipients": most})


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
    assert {each["reason"] for each in platform.told(campaign)} >= {"ApprovalMissing", "Approved", "AudienceFrozen"}
