"""Approval in the plan of a branch: what takes a second person, whose word is there already, and the file to add."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from herold.planning.branch import CampaignChange
from herold.planning.plan import Violation
from herold.planning.words import number, people
from herold.resources.approving import (
    Approved,
    Unapproved,
    approval_file,
    approval_name,
    judge_approval,
    written_digest,
)
from herold.resources.meta import API_VERSION
from herold.resources.resolved import ResolvedCampaign

# Neither is right as it stands: nobody approves by mistake.
NOBODY, NO_REASON = "YOUR-NAME", ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that an approver adds: its path from the root of the repository, and its content."""

    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """`note`: what is to be said, if anything; `wanted`: what is missing before the branch is fine."""

    note: Violation | None = None
    wanted: Wanted | None = None


def decide(change: CampaignChange, above: int | None, now: datetime) -> Decision:
    """`above`: from how many people on a second person is needed in that environment; None: never.

    A brake, a return to what was there before, and what changes neither who gets what nor when need nobody; the cluster
    asks for an approval of what did not start yet all the same.
    """
    after = change.after
    if after is None or after.campaign.spec.suspend:
        return Decision()
    approval = judge_approval(after, change.approvals, above=above, now=now)
    if isinstance(approval, Approved):
        return Decision() if approval.by in change.old_approvals else Decision(_approved(change, approval))
    if not isinstance(approval, Unapproved):
        return Decision()
    if change.before is not None:
        same = change.before.intent_digest() == after.intent_digest()
        if same and not change.before.campaign.spec.suspend:
            return Decision()
    note = Violation(
        "warning",
        "NeedsApproval",
        f"It may go to {people(approval.most)}, and more than {number(approval.above)} take a second person in "
        f"{change.environment}.{_told(approval, change)}",
        f"Ask an approver to look at this plan and to add {approval_file(after, change.environment)}, or lower "
        "spec.audience.maxRecipients.",
    )
    if change.returned:
        return Decision(note)
    return Decision(note, Wanted(approval_file(after, change.environment), approval_text(after)))


def approval_text(
    resolved: ResolvedCampaign,
    *,
    name: str | None = None,
    approver: str = NOBODY,
    reason: str = NO_REASON,
    expires_at: str | None = None,
) -> str:
    """The file: a CampaignApproval of just this content, for as many people as the campaign may go to."""
    metadata, spec = resolved.campaign.metadata, resolved.campaign.spec
    # In quotes: a name may be what some readers of YAML take for a number or for no.
    fields = [
        f"campaign: {json.dumps(metadata.name)}",
        f"intentDigest: {written_digest(resolved)}",
        f"maxRecipients: {spec.audience.max_recipients}",
        f"approver: {json.dumps(approver, ensure_ascii=False)}",
        f"reason: {json.dumps(reason, ensure_ascii=False)}",
        *([] if expires_at is None else [f"expiresAt: {json.dumps(expires_at, ensure_ascii=False)}"]),
    ]
    return "\n".join(
        [
            "# yaml-language-server: $schema=../../../../docs/reference/schemas/CampaignApproval.json",
            f"apiVersion: {API_VERSION}",
            "kind: CampaignApproval",
            "metadata:",
            f"  name: {json.dumps(name or approval_name(resolved))}",
            f"  namespace: {json.dumps(metadata.namespace)}",
            "spec:",
            *(f"  {each}" for each in fields),
            "",
        ]
    )


def wanted_lines(wanted: Wanted) -> Sequence[str]:
    """The file as lines, for whoever shows it."""
    return wanted.text.rstrip("\n").split("\n")


def _told(approval: Unapproved, change: CampaignChange) -> str:
    # That nobody did is what is to be expected; anything else is worth a sentence.
    return f" {approval.why}" if change.approvals else ""


def _approved(change: CampaignChange, approval: Approved) -> Violation:
    found = next(each for each in change.approvals if each.metadata.name == approval.by)
    return Violation(
        "warning",
        "ApprovedHere",
        f"{found.spec.approver} approves just this, for at most {people(found.spec.max_recipients)}: CampaignApproval "
        f"{approval.by} comes with this branch.",
        "Who owns gitops/approvals must have reviewed it.",
    )
