"""Two brands in one ledger, each with a sender, people who agreed, and a run: who sees one must not see the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from herold.ledger.database import Connection
from herold.ledger.runs import start_run
from herold.resources.resolved import ResolvedCampaign
from parts.campaigns import small_campaign
from parts.people import KEY, add_people

SHOP, TRAVEL = "shop", "travel"


def campaign_of(
    brand: str, *, campaign: dict[str, Any] | None = None, sender: dict[str, Any] | None = None, **changes: Any
) -> ResolvedCampaign:
    """The campaign `hello-BRAND` of the sender `BRAND-newsletter`; both brands say the same."""
    resolved = small_campaign(
        name=f"hello-{brand}",
        campaign={"repeatPolicy": "Allow", **(campaign or {})},
        sender={"brand": brand, **(sender or {})},
        **changes,
    )
    metadata = resolved.sender.metadata.model_copy(update={"name": f"{brand}-newsletter"})
    return replace(resolved, sender=resolved.sender.model_copy(update={"metadata": metadata}))


@dataclass(frozen=True, slots=True)
class TwoBrands:
    """Ids of runs and lanes by brand."""

    runs: dict[str, int]
    lanes: dict[str, int]


def two_brands(owner: Connection, people: int = 10, **changes: Any) -> TwoBrands:
    """Everybody agreed to both brands; a run of each waits for its workers."""
    ids = add_people(owner, [f"person{number}@mail.example" for number in range(people)])
    owner.execute("INSERT INTO consent_subject (brand, topic, channel) VALUES ('travel', 'offers', 'Email')")
    owner.execute(
        "INSERT INTO consent (contact_id, subject, granted, at, source) "
        "SELECT unnest(%s::bigint[]), (SELECT id FROM consent_subject WHERE brand = 'travel'), true, now(), 'test'",
        (ids,),
    )
    runs = {
        brand: start_run(owner, campaign_of(brand, **changes), key=KEY, actor="test", at_once=True).run_id
        for brand in (SHOP, TRAVEL)
    }
    lanes = owner.execute("SELECT s.brand, l.id FROM lane l JOIN sender s ON s.id = l.sender_id").fetchall()
    return TwoBrands(runs, {str(brand): int(lane) for brand, lane in lanes})
