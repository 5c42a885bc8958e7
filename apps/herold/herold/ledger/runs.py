"""Runs: one execution over one frozen audience. They start here, in one transaction; they close in `close_run` only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, LiteralString, cast

from herold.errors import NotFound, Refused
from herold.ledger.database import Connection, one
from herold.ledger.freeze import freeze_audience, freeze_seeds, queue_deliveries
from herold.ledger.senders import sync_sender
from herold.ledger.times import DueZone, all_zones, due_zones
from herold.resources.resolved import ResolvedCampaign
from herold.resources.scalars import parse_duration

PROOF = "~proof"
REPEAT_DAYS = 14
REPEAT_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Started:
    """A run that is open. `frozen_changed` names fields of the spec that were edited since and are not obeyed."""

    run_id: int
    new: bool
    planned: int
    left_out: dict[str, int]
    frozen_changed: tuple[str, ...] = ()
    held: str | None = None


def start_run(
    connection: Connection,
    resolved: ResolvedCampaign,
    *,
    key: bytes,
    actor: str,
    at_once: bool = False,
) -> Started:
    """Freeze the audience and the content, and queue every delivery; all of it or nothing.

    The same campaign again (namespace, name, occurrence) finds its run. `at_once` lets everything fall due now, as
    `herold run` does; without it the schedule decides. Raises Refused: AlreadyRan, StartMissed, TooManyRecipients,
    NobodyToReach.
    """
    campaign = resolved.campaign
    identity = (campaign.metadata.namespace, run_name(resolved), campaign.spec.occurrence)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", ("/".join(map(str, identity)),))
        found = _existing(connection, resolved, identity)
        if found is not None:
            return found
        sender_id, lanes = sync_sender(connection, resolved.sender)
        now: datetime = one(connection, "SELECT clock_timestamp()")[0]
        run_id = int(one(connection, "SELECT new_run_id()")[0])
        zones = _zones(resolved, now, at_once=at_once)
        connection.execute(
            """INSERT INTO run (id, namespace, name, occurrence, resolved, intent_digest, content_digest, sender_id,
                                subject, transactional, suspended, first_due_at, start_by)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            (
                run_id,
                *identity,
                json.dumps(resolved.to_json()),
                resolved.intent_digest(),
                resolved.content_digest(),
                sender_id,
                _subject(connection, resolved),
                campaign.spec.message_class == "Transactional",
                campaign.spec.suspend,
                now,
                now,
            ),
        )
        if campaign.spec.mode == "Proof":
            left_out = freeze_seeds(connection, run_id, resolved, lanes[0], key)
        else:
            left_out = freeze_audience(connection, run_id, resolved, lanes, zones)
        planned = int(one(connection, "SELECT count(*) FROM delivery WHERE run_id = %s", (run_id,))[0])
        _check_bounds(resolved, planned)
        queue_deliveries(connection, run_id, zones)
        _set_times(connection, run_id, resolved, now, planned, left_out)
        held = _hold_repeat(connection, run_id, resolved) if campaign.spec.repeat_policy == "Hold" else None
        audit(connection, actor, "StartRun", f"{resolved.name}#{identity[2]}", {"run": run_id, "planned": planned})
    return Started(run_id, True, planned, left_out, held=held)


def run_name(resolved: ResolvedCampaign) -> str:
    """The campaign's name in the ledger. Proofs have their own, so that a proof is not taken for the campaign."""
    name = resolved.campaign.metadata.name
    return f"{name}{PROOF}" if resolved.campaign.spec.mode == "Proof" and not name.endswith(PROOF) else name


def _existing(connection: Connection, resolved: ResolvedCampaign, identity: tuple[str, str, int]) -> Started | None:
    row = connection.execute(
        """SELECT id, state, planned, left_out, intent_digest, resolved, suspended, stopped_at FROM run
           WHERE (namespace, name, occurrence) = (%s, %s, %s)""",
        identity,
    ).fetchone()
    if row is None:
        later = one(connection, "SELECT max(occurrence) FROM run WHERE (namespace, name) = (%s, %s)", identity[:2])[0]
        if later is not None and later > identity[2]:
            raise Refused(
                "OccurrenceWentBack",
                f"{resolved.name} ran with occurrence {later} already, and {identity[2]} is less",
                hint=f"write occurrence: {later + 1} to send it once more",
            )
        return None
    run_id, state, planned, left_out, digest, pinned, suspended, stopped_at = row
    changed = () if digest == resolved.intent_digest() else tuple(_differences(pinned, resolved.to_json()))
    if state == "Closed" or stopped_at is not None:
        raise Refused(
            "AlreadyRan",
            f"{resolved.name} occurrence {identity[2]} ran already (run {run_id}); nobody gets it again"
            + (f"; changed since: {', '.join(changed)}" if changed else ""),
            hint=f"write occurrence: {identity[2] + 1} to send it once more, on purpose",
        )
    if suspended != resolved.campaign.spec.suspend:
        connection.execute("UPDATE run SET suspended = %s WHERE id = %s", (resolved.campaign.spec.suspend, run_id))
    sync_sender(connection, resolved.sender)
    return Started(run_id, False, planned, left_out, changed)


def _zones(resolved: ResolvedCampaign, now: datetime, *, at_once: bool) -> list[DueZone]:
    schedule = resolved.campaign.spec.schedule
    if at_once or resolved.campaign.spec.mode == "Proof":
        return [DueZone(0, schedule.time_zone, now, now + parse_duration(schedule.expires_after), ())]
    return due_zones(schedule, all_zones())


def _subject(connection: Connection, resolved: ResolvedCampaign) -> int | None:
    spec = resolved.campaign.spec
    if spec.message_class == "Transactional" or spec.mode == "Proof":
        return None
    subject = (resolved.sender.spec.brand, spec.message.topic, spec.message.channel)
    connection.execute(
        "INSERT INTO consent_subject (brand, topic, channel) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", subject
    )
    return int(
        one(connection, "SELECT id FROM consent_subject WHERE (brand, topic, channel) = (%s, %s, %s)", subject)[0]
    )


def _check_bounds(resolved: ResolvedCampaign, planned: int) -> None:
    bound = resolved.campaign.spec.audience.max_recipients
    if planned > bound:
        raise Refused(
            "TooManyRecipients",
            f"{resolved.name} would reach {planned} people, spec.audience.maxRecipients is {bound}",
            hint="look at `herold plan`; raise maxRecipients if all of them are meant",
        )
    if planned == 0:
        raise Refused("NobodyToReach", f"nobody is left to get {resolved.name}", hint="see why with: herold plan")


def _set_times(
    connection: Connection,
    run_id: int,
    resolved: ResolvedCampaign,
    now: datetime,
    planned: int,
    left_out: dict[str, int],
) -> None:
    first = one(connection, "SELECT min(due_at) FROM run_zone WHERE run_id = %s", (run_id,))[0]
    start_by = first + parse_duration(resolved.campaign.spec.schedule.starting_deadline)
    if now > start_by:
        raise Refused(
            "StartMissed",
            f"{resolved.name} should have started by {start_by.astimezone(UTC):%Y-%m-%d %H:%M} UTC; nothing was sent",
            hint="move schedule.at, or lengthen schedule.startingDeadline",
        )
    connection.execute(
        "UPDATE run SET planned = %s, left_out = %s, first_due_at = %s, start_by = %s WHERE id = %s",
        (planned, json.dumps(left_out), first, start_by, run_id),
    )


def _hold_repeat(connection: Connection, run_id: int, resolved: ResolvedCampaign) -> str | None:
    """The same message to most of the same people within days waits for a person."""
    rows = connection.execute(
        """SELECT old.id, old.namespace || '/' || old.name || '#' || old.occurrence,
                  (SELECT count(*) FROM delivery n JOIN delivery o ON o.address_hash = n.address_hash
                   WHERE n.run_id = new.id AND o.run_id = old.id) >= %s * new.planned
           FROM run new JOIN run old ON old.content_digest = new.content_digest AND old.id <> new.id
           WHERE new.id = %s AND old.created_at > now() - make_interval(days => %s) AND old.name NOT LIKE '%%~proof'
           ORDER BY old.id DESC""",
        (REPEAT_SHARE, run_id, REPEAT_DAYS),
    ).fetchall()
    for _, name, most in rows:
        if most:
            reason = f"LooksLikeRepeat: {name} sent the same message to most of these people"
            connection.execute(
                "INSERT INTO hold (scope, target, reason, actor) VALUES ('Campaign', %s, %s, 'herold')",
                (resolved.name, reason),
            )
            return reason
    return None


def _differences(old: Any, new: Any, path: str = "") -> Iterable[str]:
    """Paths at which two pinned specs differ, brakes and notes left out."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            if name in ("suspend", "labels", "annotations", "generation", "uid", "sharedNamespace"):
                continue
            yield from _differences(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    elif old != new:
        yield path


Change = Literal["suspend", "resume", "stop"]
_CHANGES: dict[Change, LiteralString] = {
    "suspend": "UPDATE run SET suspended = true WHERE id = %s AND state = 'Open'",
    "resume": "UPDATE run SET suspended = false WHERE id = %s AND state = 'Open' AND stopped_at IS NULL",
    "stop": "UPDATE run SET stopped_at = coalesce(stopped_at, clock_timestamp()) WHERE id = %s AND state = 'Open'",
}


def change_run(connection: Connection, run_id: int, change: Change, *, actor: str) -> None:
    """Suspend, resume, or stop for good. Raises Refused when the run is over."""
    with connection.transaction():
        if connection.execute(_CHANGES[change], (run_id,)).rowcount == 0:
            raise Refused("RunIsOver", f"run {run_id} is closed or stopped, it can't {change}")
        audit(connection, actor, change.capitalize(), f"run {run_id}", {})


def pinned(connection: Connection, run_id: int) -> ResolvedCampaign:
    """The campaign as the run pinned it."""
    row = connection.execute("SELECT resolved FROM run WHERE id = %s", (run_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no run {run_id}")
    return ResolvedCampaign.from_json(cast(dict[str, Any], row[0]))


def audit(connection: Connection, actor: str, action: str, target: str, detail: dict[str, Any]) -> None:
    """Who did what. `detail` holds no personal data."""
    connection.execute(
        "INSERT INTO audit (actor, action, target, detail) VALUES (%s, %s, %s, %s)",
        (actor, action, target, json.dumps(detail)),
    )
