"""What was approved, by the campaign that it names; and from how many people on a campaign takes an approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from herold.resources.approval import CampaignApproval
from herold.resources.approving import Approval, Unapproved, approval_file, judge_approval, written_digest
from herold.resources.meta import Key, Resource
from herold.resources.resolved import ResolvedCampaign

KIND = CampaignApproval.__name__
# The key of the platform's parameters (policies/admission/parameters), as the ConfigMap is mounted.
THRESHOLD = "approval-above"


@dataclass(slots=True)
class Approvals:
    """`folder`: where the platform's parameters are mounted; `environment`: of the installation.

    `above`: more people than this take an approval, None: nobody does. `served`: the API server has the kind.
    """

    folder: Path | None
    environment: str
    above: int | None = field(init=False)
    served: bool = True
    _by_campaign: dict[Key, dict[Key, CampaignApproval]] = field(default_factory=dict)
    _campaigns: dict[Key, Key] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.above = read_threshold(self.folder, self.environment)

    def reread(self) -> bool:
        """Whether the threshold is another now."""
        before, self.above = self.above, read_threshold(self.folder, self.environment)
        return before != self.above

    def learn(self, key: Key, resource: Resource | None) -> set[Key]:
        """An approval was made or changed; the campaigns that it concerns. None: its own shape is wrong, so that it
        approves nothing."""
        concerned = self.forget(key)
        if isinstance(resource, CampaignApproval):
            campaign = ("Campaign", key[1], resource.spec.campaign)
            self._by_campaign.setdefault(campaign, {})[key] = resource
            self._campaigns[key] = campaign
            concerned.add(campaign)
        return concerned

    def forget(self, key: Key) -> set[Key]:
        """It is gone; the campaigns that it concerned."""
        campaign = self._campaigns.pop(key, None)
        if campaign is None:
            return set()
        known = self._by_campaign[campaign]
        del known[key]
        if not known:
            del self._by_campaign[campaign]
        return {campaign}

    def judge(self, resolved: ResolvedCampaign | None, now: datetime) -> tuple[Approval, str]:
        """Whether a campaign takes an approval, and has one; while it has none, what to say of that."""
        if resolved is None:
            return None, ""
        known: Mapping[Key, CampaignApproval] = self._by_campaign.get(resolved.campaign.key, {})
        approval = judge_approval(resolved, known.values(), above=self.above, now=now)
        if not isinstance(approval, Unapproved):
            return approval, ""
        return approval, explain(approval, resolved, self.environment, served=self.served)


def read_threshold(folder: Path | None, environment: str) -> int | None:
    """More people than this take an approval; None: nobody does.

    What is not there counts in test as no threshold, for nobody but the team is reached there; elsewhere, and where it
    can't be read, every campaign takes an approval until it can be.
    """
    try:
        text = (folder / THRESHOLD).read_text(encoding="utf-8").strip() if folder is not None else ""
    except FileNotFoundError:
        text = ""
    except (OSError, UnicodeDecodeError):
        return 0
    if not text:
        return None if environment == "test" else 0
    return int(text) if text.isascii() and text.isdecimal() else 0


def explain(approval: Unapproved, resolved: ResolvedCampaign, environment: str, *, served: bool) -> str:
    """What is missing and which file to add where; for the condition Planned."""
    campaign, most = resolved.campaign.metadata, approval.most
    kind = "" if served else " The kind CampaignApproval is not installed: the platform applies operator/crds first."
    return (
        f"It may go to {most:,} people, and more than {approval.above:,} take a second person. {approval.why}{kind} "
        f"To do: an approver adds {approval_file(resolved, environment)}, a CampaignApproval with campaign: "
        f"{campaign.name}, intentDigest: {written_digest(resolved)}, maxRecipients: {most}, approver and reason; "
        f"`herold approve {campaign.namespace}/{campaign.name}` writes it. Until then nothing starts."
    )
