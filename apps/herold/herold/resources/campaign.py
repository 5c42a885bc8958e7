"""Campaign: one message to one audience."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from herold.resources.meta import Model, Reference, Resource, cel, wrong
from herold.resources.scalars import Clock, Duration, Identifier, LocalInstant, Name, Text, TimeZone, parse_duration


class Audience(Model):
    """Who gets the message: anybody of any of the segments, less anybody of the excluded ones."""

    segment_refs: Annotated[list[Reference], Field(min_length=1, max_length=32)] = Field(
        description="Segments whose members are addressed (any of them)."
    )
    exclude_refs: Annotated[list[Reference], Field(max_length=32)] = Field(
        default_factory=list, description="Segments whose members are left out."
    )
    max_recipients: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        description="Bound on the audience. A larger one is refused when it freezes, and nothing is sent."
    )


class Message(Model):
    """What is sent, over which channel, in whose name."""

    channel: Literal["Email"] = Field(default="Email", description="How the message travels.")
    topic: Identifier = Field(description="Topic of consent, declared in the ContactSchema.")
    template_ref: Reference = Field(description="The MessageTemplate that is rendered for each recipient.")
    sender_ref: Reference = Field(description="The SenderProfile in whose name it goes out, usually `scope: Shared`.")
    variables: Annotated[dict[Identifier, Text], Field(max_length=64)] = Field(
        default_factory=dict, description="Values of the template's variables, which it reads as `vars.<name>`."
    )


class QuietHours(Model):
    """Hours, in the recipient's own time, during which nothing goes out. `from` may be after `to` (over midnight)."""

    model_config = ConfigDict(json_schema_extra=cel(("self.from != self.to", "from and to must differ")))

    from_: Clock = Field(alias="from", description="First minute in which nothing goes out.")
    to: Clock = Field(description="First minute in which mail goes out again.")

    @model_validator(mode="after")
    def _not_all_day(self) -> QuietHours:
        if self.from_ == self.to:
            raise wrong("from and to are the same", fix="leave quietHours out, or name two times")
        return self


class Schedule(Model):
    """When the message goes out."""

    at: LocalInstant = Field(description="Local date and time, without an offset.")
    time_zone: TimeZone = Field(description="IANA name of the zone in which `at` is meant.")
    local_time: Literal["Campaign", "Recipient"] = Field(
        default="Campaign",
        description="`Campaign`: everybody at the same moment. `Recipient`: at that time in each recipient's own zone "
        "(`timeZone` is for those without one).",
    )
    starting_deadline: Duration = Field(
        default="6h",
        description="A run that could not start this long after `at` does not start at all. Between 1m and 30d.",
    )
    expires_after: Duration = Field(
        default="24h",
        description="What has not gone out this long after a recipient's due time is skipped. Between 1m and 30d.",
    )
    quiet_hours: QuietHours | None = Field(default=None, description="Without it mail goes out at any hour.")

    @model_validator(mode="after")
    def _bounds(self) -> Schedule:
        for field, value in (("expiresAfter", self.expires_after), ("startingDeadline", self.starting_deadline)):
            if not 60 <= parse_duration(value).total_seconds() <= 30 * 86_400:
                raise wrong(f"{field} must lie between 1m and 30d, and {value} does not", field)
        return self


class Governance(Model):
    """Who answers for the campaign."""

    owner: Name = Field(description="Team that answers for the campaign.")


class CampaignSpec(Model):
    """One message to one audience."""

    occurrence: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1,
        description="May only grow: the same campaign once more, on purpose.",
        json_schema_extra=cel(("self >= oldSelf", "occurrence may only grow")),
    )
    message_class: Literal["Marketing", "Transactional"] = Field(
        default="Marketing",
        description="`Marketing`: needs consent, and what is uncertain is never sent again. "
        "`Transactional`: goes without consent, and what is uncertain is sent again with the same Message-ID.",
    )
    mode: Literal["Live", "Proof"] = Field(default="Live", description="`Proof`: only to the sender's seed addresses.")
    suspend: bool = Field(default=False, description="Nothing goes out while this is true.")
    repeat_policy: Literal["Hold", "Allow"] = Field(
        default="Hold",
        description="`Hold`: a run whose content went to most of the same people days ago waits for a person.",
    )
    audience: Audience = Field(description="Who gets it.")
    message: Message = Field(description="What they get.")
    schedule: Schedule = Field(description="When they get it.")
    governance: Governance = Field(description="Who answers for it.")


class Campaign(Resource):
    """One message to one audience."""

    short_names: ClassVar[tuple[str, ...]] = ("camp",)
    plural: ClassVar[str] = "campaigns"
    columns: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("State", "string", ".status.state"),
        ("Degraded", "string", '.status.conditions[?(@.type=="Degraded")].reason'),
        ("Planned", "integer", ".status.counts.planned"),
        ("Sent", "integer", ".status.counts.sent"),
        ("Failed", "integer", ".status.counts.failed"),
        ("Uncertain", "integer", ".status.counts.uncertain"),
        ("Next", "string", ".status.nextSendTime"),
        ("Suspended", "string", '.status.conditions[?(@.type=="Suspended")].reason'),
        ("Run", "integer", ".status.run.id"),
        ("Class", "string", ".spec.messageClass"),
        ("Mode", "string", ".spec.mode"),
        ("At", "string", ".spec.schedule.at"),
        ("Owner", "string", ".spec.governance.owner"),
    )
    wide: ClassVar[tuple[str, ...]] = ("Suspended", "Run", "Class", "Mode", "At", "Owner")

    kind: Literal["Campaign"] = "Campaign"
    spec: CampaignSpec = Field(description="What is meant to happen.")
