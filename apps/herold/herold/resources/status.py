"""Status: what the operator says of a resource. People and Git never write it; it is no part of a file.

Conditions follow the Kubernetes API conventions: one entry a type, a reason from one catalogue, a message for people.
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from herold.resources.meta import Model, keyed_by

Number = Annotated[int, Field(ge=0, le=9_007_199_254_740_991)]
Word = Annotated[str, Field(max_length=64)]


class Condition(Model):
    """One statement about a resource, true at `observedGeneration`."""

    type: Word = Field(description="What is stated.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: Word = Field(description="Why, in one word (docs/reference/operator.md).")
    message: Annotated[str, Field(max_length=4096)] = Field(description="Why, in a sentence, and what to do.")
    last_transition_time: datetime = Field(description="When `status` last changed.")
    observed_generation: Number = Field(description="The `metadata.generation` that this speaks of.")


Conditions = Annotated[list[Condition], Field(max_length=16, json_schema_extra=keyed_by("type"))]


class ResourceStatus(Model):
    """Status of a kind that does nothing by itself."""

    observed_generation: Number = Field(description="The `metadata.generation` that was looked at last.")
    conditions: Conditions = Field(description="What holds now.")


class RunReference(Model):
    """The run of the ledger that carries the campaign out."""

    id: Number = Field(description="Its number in the ledger.")
    occurrence: Number = Field(description="The occurrence that it carries out.")
    started_time: datetime | None = Field(default=None, description="When its first message was claimed.")


class Counts(Model):
    """planned = sent + failed + suppressed + skipped + uncertain + what still waits; `deferred` are some of these."""

    planned: Number = Field(description="People in the frozen audience.")
    sent: Number = Field(description="Accepted by the relay.")
    deferred: Number = Field(description="Put off by a server, tried again later.")
    failed: Number = Field(description="Refused for good.")
    suppressed: Number = Field(description="Not sent: suppressed or without consent by then.")
    skipped: Number = Field(description="Not sent: expired, erased or stopped.")
    uncertain: Number = Field(description="Possibly not reached: SMTP left it open.")


class LedgerMirror(Model):
    """Mirror of the ledger outside of it, to notice one that went backwards."""

    system: Word = Field(description="PostgreSQL's system identifier.")
    timeline: Number = Field(description="Its timeline.")
    sent: Number = Field(description="What this run had sent by then.")
    observed_time: datetime = Field(description="The ledger's time by then.")


class CampaignStatus(ResourceStatus):
    """What has become of a campaign."""

    state: Word = Field(description="One word for a column; conditions say why.")
    run: RunReference | None = Field(default=None, description="The run, once there is one.")
    counts: Counts | None = Field(default=None, description="At most 15 seconds old while it runs.")
    ledger: LedgerMirror | None = Field(default=None, description="The ledger as it was seen with these counts.")
    next_send_time: datetime | None = Field(default=None, description="When the next messages fall due.")
