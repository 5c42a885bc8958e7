"""Who gets a campaign, as one SQL statement with parameters. So far: everybody who can be reached and consented."""

from __future__ import annotations

from dataclasses import dataclass

from herold.errors import InvalidInput, Mistake
from herold.resources.resolved import ResolvedCampaign


@dataclass(frozen=True, slots=True)
class Statement:
    """Rows (contact_id, address_hash, domain, locale, time_zone, lane, verdict); values only as parameters."""

    sql: str
    parameters: dict[str, object]


def audience_statement(resolved: ResolvedCampaign) -> Statement:
    """The statement that the plan counts and a start freezes. Raises InvalidInput for segments with conditions."""
    if any(segment.spec.all_of for segment in resolved.segments):
        raise InvalidInput([Mistake(resolved.name, 0, 0, "spec.audience", "segments with conditions don't work yet")])
    spec = resolved.campaign.spec
    return Statement(
        """
        SELECT c.id AS contact_id, e.address_hash, e.domain, c.locale, c.time_zone, 0::smallint AS lane,
               CASE WHEN e.address IS NULL THEN 'NoAddress'
                    WHEN s.address_hash IS NOT NULL THEN 'Suppressed'
                    WHEN %(needs_consent)s AND k.granted IS NOT TRUE THEN 'NoConsent' END AS verdict
        FROM contact c
        LEFT JOIN endpoint e ON e.contact_id = c.id AND e.channel = 'Email'
        LEFT JOIN suppression s ON s.address_hash = e.address_hash
        LEFT JOIN consent_subject q ON (q.brand, q.topic, q.channel) = (%(brand)s, %(topic)s, 'Email')
        LEFT JOIN consent_current k ON k.subject = q.id AND k.contact_id = c.id
        WHERE NOT c.seed AND c.erased_at IS NULL""",
        {
            "brand": resolved.sender.spec.brand,
            "topic": spec.message.topic,
            "needs_consent": spec.message_class == "Marketing",
        },
    )
