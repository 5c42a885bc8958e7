"""Made-up people of one test, and the resources that reach just them: nothing of another run is in the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from local.cluster.herold import SHARED_NAMESPACE, build_route

Item = dict[str, Any]
TEAM = "campaigns-shop"
SCHEMA = {"name": "customers", "scope": "Shared"}
TEXT = "Hello {{ contact.first_name }},\nyours, {{ sender.name }}\n{{ unsubscribe_url }}\n"


@dataclass(frozen=True)
class Crowd:
    """`count` people who are known by a city of their own, and when their campaign is due."""

    name: str
    count: int
    due: str

    @classmethod
    def new(cls, count: int) -> Crowd:
        """With a name that no other run has, due an hour ago."""
        due = (datetime.now(UTC) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
        return cls(f"e2e-{uuid4().hex[:10]}", count, due)

    @property
    def addresses(self) -> set[str]:
        """Everybody's."""
        return {f"{self.name}-{number}@example.com" for number in range(self.count)}

    def csv(self) -> str:
        """For `herold contacts import`: all of them asked for offers yesterday."""
        at = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        lines = ["external_id,email,first_name,city,consent:shop:offers,consent_at"]
        for number in range(self.count):
            person = f"{self.name}-{number}"
            lines.append(f"{person},{person}@example.com,Anna {number},{self.name},granted,{at}")
        return "\n".join(lines) + "\n"

    def platform(self, *, per_second: int) -> list[Item]:
        """The sender, which the platform owns. Its workers are its own."""
        return [
            _item(
                "SenderProfile",
                SHARED_NAMESPACE,
                self.name,
                {
                    "brand": "shop",
                    "from": {"address": "news@shop.example", "name": "The Shop"},
                    "returnPathDomain": "bounces.shop.example",
                    "unsubscribeUrl": "https://shop.example/u/",
                    "dkim": [{"domain": "shop.example", "selector": "s1", "keyRef": {"name": "shop-dkim"}}],
                    "route": build_route(),
                    "limits": {"perSecond": str(per_second)},
                },
            )
        ]

    def team(self) -> list[Item]:
        """Segment, template and campaign. The campaign is the last."""
        city = {"attribute": {"name": "city", "values": [self.name]}}
        template = {
            "schemaRef": SCHEMA,
            "channel": "Email",
            "defaultLocale": "en",
            "attributeDefaults": [{"name": "first_name", "default": "friend"}],
            "contents": [{"locale": "en", "subject": "Hello {{ contact.first_name }}", "text": TEXT}],
        }
        campaign = {
            "messageClass": "Marketing",
            "audience": {"segmentRefs": [{"name": self.name}], "maxRecipients": self.count},
            "message": {
                "channel": "Email",
                "topic": "offers",
                "templateRef": {"name": self.name},
                "senderRef": {"name": self.name, "scope": "Shared"},
            },
            "schedule": {"at": self.due, "timeZone": "UTC", "startingDeadline": "6h", "expiresAfter": "24h"},
            "governance": {"owner": "shop-team"},
        }
        return [
            _item("Segment", TEAM, self.name, {"schemaRef": SCHEMA, "allOf": [{"anyOf": [city]}]}),
            _item("MessageTemplate", TEAM, self.name, template),
            _item("Campaign", TEAM, self.name, campaign),
        ]


def _item(kind: str, namespace: str, name: str, spec: Item) -> Item:
    labels = {"herold.dev/environment": "test"} if kind == "SenderProfile" else {}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "herold.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
