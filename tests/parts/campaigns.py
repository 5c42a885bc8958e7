"""A small declared world for tests: one schema, one sender, one template, one campaign to everybody."""

from __future__ import annotations

from typing import Any

from herold.resources import Campaign, ContactSchema, MessageTemplate, Segment, SenderProfile
from herold.resources.resolved import ResolvedCampaign

TEAM, SHARED = "campaigns-shop", "campaigns-shared"


def small_campaign(
    *,
    name: str = "hello",
    port: int = 2525,
    per_second: str = "100000",
    campaign: dict[str, Any] | None = None,
    schedule: dict[str, Any] | None = None,
    sender: dict[str, Any] | None = None,
    template: dict[str, Any] | None = None,
) -> ResolvedCampaign:
    """Each argument overrides fields of the spec that it is named after."""
    schema_ref = {"name": "customers", "scope": "Shared"}
    text = "Hello {{ contact.first_name }},\nyours, {{ sender.name }}\n{{ unsubscribe_url }}\n"
    return ResolvedCampaign(
        Campaign.model_validate(
            {
                "kind": "Campaign",
                "metadata": {"name": name, "namespace": TEAM},
                "spec": {
                    "audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 100_000_000},
                    "message": {
                        "topic": "offers",
                        "templateRef": {"name": "hello"},
                        "senderRef": {"name": "shop-newsletter", "scope": "Shared"},
                    },
                    "schedule": {"at": "2026-12-01T09:00:00", "timeZone": "Europe/Warsaw", **(schedule or {})},
                    "governance": {"owner": "shop-team"},
                    **(campaign or {}),
                },
            }
        ),
        (
            Segment.model_validate(
                {
                    "kind": "Segment",
                    "metadata": {"name": "everybody", "namespace": TEAM},
                    "spec": {"schemaRef": schema_ref},
                }
            ),
        ),
        MessageTemplate.model_validate(
            {
                "kind": "MessageTemplate",
                "metadata": {"name": "hello", "namespace": TEAM},
                "spec": {
                    "schemaRef": schema_ref,
                    "defaultLocale": "en",
                    "attributeDefaults": [{"name": "first_name", "default": "friend"}],
                    "contents": [{"locale": "en", "subject": "Hello {{ contact.first_name }}", "text": text}],
                    **(template or {}),
                },
            }
        ),
        SenderProfile.model_validate(
            {
                "kind": "SenderProfile",
                "metadata": {"name": "shop-newsletter", "namespace": SHARED},
                "spec": {
                    "brand": "shop",
                    "from": {"address": "news@shop.example", "name": "The Shop"},
                    "returnPathDomain": "bounces.shop.example",
                    "unsubscribeUrl": "https://shop.example/u/",
                    "route": {"host": "127.0.0.1", "port": port, "tls": "None"},
                    "limits": {"perSecond": per_second},
                    **(sender or {}),
                },
            }
        ),
        ContactSchema.model_validate(
            {
                "kind": "ContactSchema",
                "metadata": {"name": "customers", "namespace": SHARED},
                "spec": {
                    "attributes": [{"name": "first_name", "type": "String"}, {"name": "vip", "type": "Boolean"}],
                    "brands": ["shop"],
                    "topics": [{"name": "offers"}],
                },
            }
        ),
        SHARED,
    )
