"""What an approval is bound to: the intent digest, the same whoever computes it and however it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from herold.resources import CampaignApproval
from herold.resources.approving import Approved, Unapproved, approval_name, judge_approval, written_digest
from herold.resources.catalogue import load_texts
from herold.resources.resolved import ResolvedCampaign
from parts.campaigns import SHARED, TEAM, small_campaign

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
QUIET = {"quietHours": {"from": "12:00", "to": "13:00"}}
VARIABLES = {"variables": [{"name": "discount", "default": "10"}, {"name": "code", "default": "X"}]}


def written(resolved: ResolvedCampaign) -> dict[str, Any]:
    """Its resources by file."""
    content = resolved.to_json()
    named = [content["schema"], content["sender"], content["template"], *content["segments"], content["campaign"]]
    return {f"{each['kind']}-{each['metadata']['name']}.yaml": each for each in named}


def digest(texts: Mapping[str, str]) -> str:
    """Of the only campaign of these files."""
    catalogue = load_texts(texts, shared_namespace=SHARED)
    (campaign,) = catalogue.campaigns()
    return written_digest(catalogue.resolved(campaign))


def as_yaml(files: Mapping[str, Any]) -> dict[str, str]:
    return {name: yaml.safe_dump(content, sort_keys=False) for name, content in files.items()}


def backwards(value: Any) -> Any:
    """The same with every mapping's names in the other order."""
    if isinstance(value, dict):
        return {name: backwards(each) for name, each in reversed(value.items())}
    return [backwards(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "resolved",
    [
        small_campaign(),
        small_campaign(schedule={"localTime": "Recipient", **QUIET, "expiresAfter": "2h"}),
        small_campaign(campaign={"messageClass": "Transactional", "occurrence": 3, "repeatPolicy": "Allow"}),
        small_campaign(template={"attributeDefaults": [{"name": "first_name", "default": "żółć"}], **VARIABLES}),
    ],
    ids=["plain", "local time", "transactional", "variables"],
)
def test_how_it_is_written_changes_nothing(resolved: ResolvedCampaign) -> None:
    files = written(resolved)
    expected = written_digest(resolved)
    assert digest(as_yaml(files)) == expected
    assert digest(as_yaml(backwards(files))) == expected
    assert digest({name: json.dumps(content) for name, content in files.items()}) == expected
    one = "# all in one\n" + "---\n".join(as_yaml(files).values())
    assert digest({"all.yaml": one}) == expected
    assert written_digest(ResolvedCampaign.from_json(json.loads(json.dumps(resolved.to_json())))) == expected


def edited(name: str, **change: Any) -> str:
    """The digest after fields of a spec were given other values."""
    files = written(small_campaign())
    files[name]["spec"] |= change
    return digest(as_yaml(files))


CAMPAIGN, TEMPLATE, SENDER = "Campaign-hello.yaml", "MessageTemplate-hello.yaml", "SenderProfile-shop-newsletter.yaml"
SPEC = written(small_campaign())[CAMPAIGN]["spec"]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (CAMPAIGN, {"suspend": True}),
        (CAMPAIGN, {"repeatPolicy": "Hold"}),  # its default, written out
        (SENDER, {"limits": {"perSecond": "1"}}),
    ],
    ids=["suspend", "a default", "rates of the platform"],
)
def test_brakes_defaults_and_what_the_platform_tunes_change_nothing(name: str, change: dict[str, Any]) -> None:
    assert edited(name, **change) == written_digest(small_campaign())


def test_what_the_cluster_adds_changes_nothing() -> None:
    files = written(small_campaign())
    for content in files.values():
        content["metadata"] |= {
            **{"generation": 7, "uid": "0b1", "resourceVersion": "12", "labels": {"a": "b"}},
            "annotations": {"herold.dev/hold": "wait"},
        }
    assert digest(as_yaml(files)) == written_digest(small_campaign())


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (CAMPAIGN, {"occurrence": 2}),
        (CAMPAIGN, {"messageClass": "Transactional"}),
        (CAMPAIGN, {"audience": {**SPEC["audience"], "maxRecipients": 99}}),
        (CAMPAIGN, {"schedule": {**SPEC["schedule"], "at": "2026-12-01T10:00:00"}}),
        (CAMPAIGN, {"schedule": {**SPEC["schedule"], **QUIET}}),
        (TEMPLATE, {"contents": [{"locale": "en", "subject": "Hi", "text": "{{ unsubscribe_url }}"}]}),
        ("Segment-everybody.yaml", {"allOf": [{"anyOf": [{"order": {"atLeast": 1}}]}]}),
        (SENDER, {"from": {"address": "other@shop.example", "name": "The Shop"}}),
    ],
    ids=["occurrence", "class", "bound", "time", "quiet hours", "content", "segment", "sender"],
)
def test_who_gets_what_and_when_is_what_was_approved(name: str, change: dict[str, Any]) -> None:
    assert edited(name, **change) != written_digest(small_campaign())


def approval(name: str, resolved: ResolvedCampaign, **spec: Any) -> CampaignApproval:
    content = {
        **{"campaign": "hello", "intentDigest": written_digest(resolved), "maxRecipients": 100_000_000},
        **{"approver": "crm-lead", "reason": "fine", **spec},
    }
    metadata = {"name": name, "namespace": TEAM}
    return CampaignApproval.model_validate({"kind": "CampaignApproval", "metadata": metadata, "spec": content})


def test_of_several_that_fit_the_one_that_lasts_longest_counts() -> None:
    resolved = small_campaign()
    one = approval("one", resolved, expiresAt="2026-12-01T00:00:00Z")
    two = approval("two", resolved, expiresAt="2026-12-02T00:00:00Z")
    over = approval("over", resolved, expiresAt="2026-11-24T12:00:00Z")
    assert judge_approval(resolved, [over, one, two], above=0, now=NOW) == Approved(
        "two", datetime(2026, 12, 2, tzinfo=UTC)
    )
    assert judge_approval(resolved, [two, approval("ever", resolved)], above=0, now=NOW) == Approved("ever", None)


def test_only_more_people_than_the_threshold_take_a_second_person() -> None:
    resolved = small_campaign(campaign={"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 50}})
    assert judge_approval(resolved, [], above=None, now=NOW) is None
    assert judge_approval(resolved, [], above=50, now=NOW) is None
    assert judge_approval(resolved, [], above=49, now=NOW) == Unapproved(50, 49, "Nobody has approved it.")


def test_the_word_of_another_namespace_counts_for_nothing() -> None:
    resolved = small_campaign()
    other = approval("other", resolved).model_copy(
        update={"metadata": resolved.campaign.metadata.model_copy(update={"namespace": "campaigns-club"})}
    )
    assert isinstance(judge_approval(resolved, [other], above=0, now=NOW), Unapproved)


def test_a_long_name_leaves_room_for_the_digest() -> None:
    resolved = small_campaign(name="x" * 63)
    assert approval_name(resolved) == f"{'x' * 54}-{resolved.intent_digest()[:8]}"
