"""What the ledger knows of a campaign and its sender already: earlier runs, brakes, warm-up, and who else mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from herold.ledger.database import Connection, one
from herold.ledger.holds import active_holds
from herold.ledger.runs import REPEAT_DAYS
from herold.resources.resolved import ResolvedCampaign
from herold.resources.scalars import parse_date

NEAR = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class OwnRun:
    """The run of this very campaign and occurrence."""

    run_id: int
    over: bool
    same_intent: bool


@dataclass(frozen=True, slots=True)
class OtherRun:
    """A run of another campaign (or occurrence) near in time. `repeat`: it counts for LooksLikeRepeat."""

    run_id: int
    campaign: str
    due_at: datetime
    state: str
    repeat: bool
    is_near: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """`latest`: the greatest occurrence that ran. `holds`: why nothing would go out now."""

    own: OwnRun | None
    latest: int | None
    others: tuple[OtherRun, ...]
    holds: tuple[str, ...]
    allowance: Mapping[date, int]


def read_standing(connection: Connection, resolved: ResolvedCampaign, *, due_at: datetime) -> Standing:
    """Read inside the caller's transaction. Near is seven days before and after `due_at`."""
    metadata, occurrence = resolved.campaign.metadata, resolved.campaign.spec.occurrence
    row = connection.execute(
        "SELECT id, state = 'Closed' OR stopped_at IS NOT NULL, intent_digest FROM run "
        "WHERE (namespace, name, occurrence) = (%s, %s, %s)",
        (metadata.namespace, metadata.name, occurrence),
    ).fetchone()
    latest = one(
        connection,
        "SELECT max(occurrence) FROM run WHERE (namespace, name) = (%s, %s)",
        (metadata.namespace, metadata.name),
    )[0]
    return Standing(
        OwnRun(row[0], row[1], row[2] == resolved.intent_digest()) if row else None,
        latest,
        _others(connection, resolved, due_at),
        _holds(connection, resolved),
        _allowance(connection, resolved),
    )


def _others(connection: Connection, resolved: ResolvedCampaign, due_at: datetime) -> tuple[OtherRun, ...]:
    metadata = resolved.campaign.metadata
    rows = connection.execute(
        """SELECT id, namespace || '/' || name || CASE WHEN occurrence > 1 THEN ' #' || occurrence ELSE '' END,
                  first_due_at, CASE WHEN state = 'Closed' THEN 'over' WHEN started_at IS NULL THEN 'waiting'
                                     ELSE 'sending' END,
                  content_digest = %(content)s AND created_at > now() - make_interval(days => %(days)s), near
           FROM run, LATERAL (SELECT first_due_at BETWEEN %(from)s AND %(to)s OR created_at BETWEEN %(from)s AND %(to)s)
               AS n (near)
           WHERE (namespace, name, occurrence) <> (%(namespace)s, %(name)s, %(occurrence)s)
             AND NOT (stopped_at IS NOT NULL AND started_at IS NULL)
             AND resolved -> 'campaign' -> 'spec' ->> 'mode' <> 'Proof'
             AND (near OR content_digest = %(content)s AND created_at > now() - make_interval(days => %(days)s))
           ORDER BY first_due_at, id""",
        {
            "content": resolved.content_digest(),
            "days": REPEAT_DAYS,
            "from": due_at - NEAR,
            "to": due_at + NEAR,
            "namespace": metadata.namespace,
            "name": metadata.name,
            "occurrence": resolved.campaign.spec.occurrence,
        },
    )
    return tuple(OtherRun(*row) for row in rows)


def _holds(connection: Connection, resolved: ResolvedCampaign) -> tuple[str, ...]:
    sender = resolved.sender.metadata
    ours = {
        ("Everything", ""),
        ("Team", resolved.campaign.metadata.namespace),
        ("Sender", f"{sender.namespace}/{sender.name}"),
        ("Campaign", resolved.name),
    }
    held = [hold for hold in active_holds(connection) if (hold.scope, hold.target) in ours or hold.scope == "Domain"]
    return tuple(
        f"{hold.scope}{f' {hold.target}' if hold.target else ''} is held by {hold.actor}: {hold.reason}"
        for hold in held
    )


def _allowance(connection: Connection, resolved: ResolvedCampaign) -> dict[date, int]:
    """What warm-up still allows, as a start would write it: the profile's days, less what is used."""
    warm_up = resolved.sender.spec.warm_up
    if warm_up is None:
        return {}
    sender = resolved.sender.metadata
    used: dict[date, int] = dict(
        connection.execute(
            "SELECT d.day, d.used FROM sender_day d JOIN sender s ON s.id = d.sender_id "
            "WHERE (s.namespace, s.name) = (%s, %s)",
            (sender.namespace, sender.name),
        ).fetchall()
    )
    first = parse_date(warm_up.start_date)
    days = ((first + timedelta(days=index), allowed) for index, allowed in enumerate(warm_up.per_day))
    return {day: max(0, allowed - used.get(day, 0)) for day, allowed in days}
