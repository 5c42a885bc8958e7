"""The declared world: Campaign, CampaignApproval, Segment, MessageTemplate, SenderProfile, ContactSchema.

Written once as pydantic models; the CRDs, the JSON Schemas for editors and the reference page are
emitted from them.
"""

from herold.resources.approval import CampaignApproval, CampaignApprovalSpec
from herold.resources.campaign import Campaign, CampaignSpec
from herold.resources.contact_schema import ContactSchema, ContactSchemaSpec
from herold.resources.meta import Key, Metadata, Reference, Resource, Scope
from herold.resources.segment import Segment, SegmentSpec
from herold.resources.sender import SenderProfile, SenderProfileSpec
from herold.resources.template import MessageTemplate, MessageTemplateSpec

KINDS: dict[str, type[Resource]] = {
    model.__name__: model
    for model in (Campaign, CampaignApproval, Segment, MessageTemplate, SenderProfile, ContactSchema)
}

__all__ = [
    "KINDS",
    "Campaign",
    "CampaignApproval",
    "CampaignApprovalSpec",
    "CampaignSpec",
    "ContactSchema",
    "ContactSchemaSpec",
    "Key",
    "MessageTemplate",
    "MessageTemplateSpec",
    "Metadata",
    "Reference",
    "Resource",
    "Scope",
    "Segment",
    "SegmentSpec",
    "SenderProfile",
    "SenderProfileSpec",
]
