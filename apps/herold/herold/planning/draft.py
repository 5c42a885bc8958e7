"""The draft of a plan: what files alone say of a campaign. Everything but the people, who are in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from herold.ledger.times import due_zones
from herold.planning.changes import against_revision
from herold.planning.plan import Against, Bounds, Sample, Violation
from herold.planning.samples import made_up_samples, sample_composer, sample_violations
from herold.planning.violations import draft_violations
from herold.resources.resolved import ResolvedCampaign
from herold.resources.scalars import parse_duration


@dataclass(frozen=True, slots=True)
class Draft:
    """As in a Plan. `at`: the first message, in the campaign's own zone. `violations` are those that files show."""

    campaign: str
    occurrence: int
    message_class: str
    mode: str
    suspended: bool
    owner: str
    sender: str
    from_: str
    topic: str
    at: datetime
    local_at: str
    time_zone: str
    local_time: str
    made_at: datetime
    intent_digest: str
    bounds: Bounds
    samples: tuple[Sample, ...]
    violations: tuple[Violation, ...]
    against: Against | None


def make_draft(
    resolved: ResolvedCampaign, *, now: datetime, against: ResolvedCampaign | None = None, revision: str = ""
) -> Draft:
    """`revision` names what it is compared with (empty: with nothing); `against` is None when it was not there.

    Raises InvalidInput for a template that can't be compiled.
    """
    composer = sample_composer(resolved, now)
    samples = made_up_samples(resolved, composer)
    spec, sender = resolved.campaign.spec, resolved.sender
    at = now if spec.mode == "Proof" else due_zones(spec.schedule, (), known=frozenset())[0].due_at
    deadline = parse_duration(spec.schedule.starting_deadline)
    bounds = Bounds(spec.audience.max_recipients, parse_duration(spec.schedule.expires_after), deadline, at + deadline)
    violations = (
        *draft_violations(resolved, bounds, now=now),
        *sample_violations(resolved, composer, samples),
    )
    return Draft(
        campaign=resolved.name,
        occurrence=spec.occurrence,
        message_class=spec.message_class,
        mode=spec.mode,
        suspended=spec.suspend,
        owner=spec.governance.owner,
        sender=f"{sender.metadata.namespace}/{sender.metadata.name}",
        from_=f"{sender.spec.from_.name} <{sender.spec.from_.address}>".strip(),
        topic=spec.message.topic,
        at=at,
        local_at=spec.schedule.at,
        time_zone=spec.schedule.time_zone,
        local_time=spec.schedule.local_time,
        made_at=now,
        intent_digest=resolved.intent_digest(),
        bounds=bounds,
        samples=samples,
        violations=tuple(sorted(violations, key=lambda violation: violation.severity != "error")),
        against=against_revision(resolved, against, revision),
    )
