"""Composers and recipients for the tests of messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from herold.message.compose import Composer, Recipient
from herold.resources.contact_schema import ContactSchema
from herold.resources.resolved import ResolvedCampaign
from parts.campaigns import small_campaign

KEY = b"0123456789abcdef0123456789abcdef"
NOON = 1_796_122_800.0  # 2026-12-01 11:00 UTC
ATTRIBUTES = ("first_name", "city", "link", "note")


def declared(**spec: Any) -> ResolvedCampaign:
    """A campaign whose MessageTemplate has these fields, over a schema with four strings, a number and a boolean."""
    variables = spec.pop("given", {})
    sender = spec.pop("sender", None)
    more = spec.pop("campaign", {})
    campaign = small_campaign(
        template={"attributeDefaults": [], "contents": contents(), **spec},
        sender=sender,
        campaign={
            "message": {
                "topic": "offers",
                "templateRef": {"name": "hello"},
                "senderRef": {"name": "shop-newsletter", "scope": "Shared"},
                "variables": variables,
            },
            **more,
        },
    )
    attributes = [{"name": name, "type": "String"} for name in ATTRIBUTES]
    attributes += [{"name": "points", "type": "Integer"}, {"name": "vip", "type": "Boolean"}]
    schema = ContactSchema.model_validate(
        {
            "kind": "ContactSchema",
            "metadata": {"name": "customers", "namespace": "campaigns-shared"},
            "spec": {"attributes": attributes, "brands": ["shop"], "topics": [{"name": "offers"}]},
        }
    )
    return replace(campaign, schema=schema)


def contents(text: str = "Hello\n", subject: str = "Hello", locale: str = "en", **more: str) -> list[dict[str, str]]:
    """One content."""
    return [{"locale": locale, "subject": subject, "text": text, **more}]


def composer(resolved: ResolvedCampaign, run_id: int = 7) -> Composer:
    """With a clock that stands still."""
    return Composer(resolved, run_id=run_id, key=KEY, clock=lambda: NOON)


def recipient(locale: str | None = None, position: int = 0, **attributes: object) -> Recipient:
    """A person at a reserved domain."""
    return Recipient(position, 4_711, "ann@customers.example", locale, attributes)
