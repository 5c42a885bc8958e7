"""Does a campaign take a second person, and did one say yes to just this? Pure: the plan and the operator ask here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from herold.resources.approval import CampaignApproval
from herold.resources.resolved import ResolvedCampaign
from herold.resources.scalars import parse_instant

_TEAM = "campaigns-"
_SHORT = 8  # digits of the digest in the name of an approval


@dataclass(frozen=True, slots=True)
class Approved:
    """`by`: name of the CampaignApproval; `until`: when it expires, None without an end."""

    by: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Unapproved:
    """`most`: people whom it may go to; `above`: from how many on a second person is needed; `why` nobody's word
    fits, as a sentence."""

    most: int
    above: int
    why: str


# None: it takes nobody's approval.
Approval = Approved | Unapproved | None


def judge_approval(
    resolved: ResolvedCampaign, approvals: Iterable[CampaignApproval], *, above: int | None, now: datetime
) -> Approval:
    """Of a campaign with everything that it names. `above`: more people than this take a second person (None: nobody
    is ever needed); `approvals`: at least those that name the campaign.

    A brake changes nothing: what is suspended now may go on later. Proofs go to the team itself.
    """
    spec = resolved.campaign.spec
    most = spec.audience.max_recipients
    if above is None or spec.mode == "Proof" or most <= above:
        return None
    metadata = resolved.campaign.metadata
    ours = [
        each
        for each in approvals
        if (each.metadata.namespace, each.spec.campaign) == (metadata.namespace, metadata.name)
    ]
    digest = written_digest(resolved)
    same = [each for each in ours if each.spec.intent_digest == digest]
    enough = [each for each in same if each.spec.max_recipients >= most]
    lasting = sorted(
        ((until, each.metadata.name) for each in enough if (until := _until(each)) is None or until > now),
        key=lambda each: (each[0] is not None, -each[0].timestamp() if each[0] else 0.0, each[1]),
    )
    if lasting:
        until, by = lasting[0]
        return Approved(by, until)
    return Unapproved(most, above, _why(ours, same, enough))


def written_digest(resolved: ResolvedCampaign) -> str:
    """The intent digest as people and approvals write it."""
    return f"sha256:{resolved.intent_digest()}"


def approval_name(resolved: ResolvedCampaign) -> str:
    """Name of the CampaignApproval, and of its file: another content has another, for none is ever edited."""
    name = resolved.campaign.metadata.name
    return f"{name[: 62 - _SHORT].rstrip('-')}-{resolved.intent_digest()[:_SHORT]}"


def approval_path(resolved: ResolvedCampaign, environment: str, name: str) -> str:
    """Where an approval of that name belongs, below `gitops`."""
    team = resolved.campaign.metadata.namespace.removeprefix(_TEAM)
    return f"approvals/{environment}/{team}/{name}.yaml"


def approval_file(resolved: ResolvedCampaign, environment: str) -> str:
    """The same from the root of the repository, of a first approval."""
    return f"gitops/{approval_path(resolved, environment, approval_name(resolved))}"


def _until(approval: CampaignApproval) -> datetime | None:
    return parse_instant(approval.spec.expires_at) if approval.spec.expires_at is not None else None


def _why(ours: list[CampaignApproval], same: list[CampaignApproval], enough: list[CampaignApproval]) -> str:
    if enough:
        last = max(enough, key=lambda each: each.spec.expires_at or "")
        return f"CampaignApproval {last.metadata.name} expired at {last.spec.expires_at}."
    if same:
        greatest = max(same, key=lambda each: each.spec.max_recipients)
        return f"CampaignApproval {greatest.metadata.name} is for at most {greatest.spec.max_recipients:,} people."
    if ours:
        names = sorted(each.metadata.name for each in ours)
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return f"It was approved for other content (CampaignApproval {names[0]}{more}), and changed since."
    return "Nobody has approved it."
