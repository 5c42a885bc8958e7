"""CampaignApproval: a second person's word for one content of a campaign, and for at most so many people."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from herold.resources.meta import Model, Resource, cel
from herold.resources.scalars import Digest, Instant, Name


class CampaignApprovalSpec(Model):
    """What was looked at, and by whom. It is never edited: another content is another approval."""

    model_config = ConfigDict(
        json_schema_extra=cel(("self == oldSelf", "an approval is never edited; add another, under a name of its own"))
    )

    campaign: Name = Field(description="`metadata.name` of the Campaign, in the namespace of this resource.")
    intent_digest: Digest = Field(
        description="The intent that was looked at, as the plan prints it: the campaign with its segments, template, "
        "sender and schema. Any other content takes another approval."
    )
    max_recipients: Annotated[int, Field(ge=1, le=100_000_000)] = Field(
        description="Bound on the audience that was approved; a campaign with a greater one does not start."
    )
    approver: Name = Field(description="Person or team that approves, by the name that they have in Git; no address.")
    reason: Annotated[str, Field(min_length=1, max_length=500)] = Field(
        description="Why it may go out, for whoever reads it in a year."
    )
    expires_at: Instant | None = Field(
        default=None, description="A run that did not start by then takes another approval. Without it: no end."
    )


class CampaignApproval(Resource):
    """A second person's word for one content of a campaign, and for at most so many people."""

    short_names: ClassVar[tuple[str, ...]] = ("capp",)
    plural: ClassVar[str] = "campaignapprovals"
    columns: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("Campaign", "string", ".spec.campaign"),
        ("At most", "integer", ".spec.maxRecipients"),
        ("Approver", "string", ".spec.approver"),
        ("Expires", "string", ".spec.expiresAt"),
        ("Digest", "string", ".spec.intentDigest"),
    )
    wide: ClassVar[tuple[str, ...]] = ("Digest",)

    kind: Literal["CampaignApproval"] = "CampaignApproval"
    spec: CampaignApprovalSpec = Field(description="What is approved.")
