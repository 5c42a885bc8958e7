"""Runs: one execution over one frozen audience. They start here, in one transaction; they close in `close_run` only."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Literal, LiteralString, cast

from herold.errors import NotFound, Refused
from herold.ledger.database import Connection, one
from herold.ledger.freeze import freeze_audience, freeze_seeds, queue_deliveries
from herold.ledger.intent import Started, check_in_time, identity, known_run, run_zones
from herold.ledger.senders import sync_sender
from herold.resources.resolved import ResolvedCampaign

__all__ = ["Started", "change_run", "pinned", "start_run"]

REPEAT_DAYS = 14
REPEAT_SHARE = 0.5


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
    who = identity(resolved)
    with connection.transaction():
        found = known_run(connection, resolved, at_once=at_once)
    if found is not None:
        return found
    prepare_start(connection, resolved)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", ("/".join(map(str, who)),))
        found = known_run(connection, resolved, at_once=at_once)
        if found is not None:
            return found
        sender_id, lanes = sync_sender(connection, resolved.sender)
        now: datetime = one(connection, "SELECT clock_timestamp()")[0]
        run_id = int(one(connection, "SELECT new_run_id()")[0])
        zones = run_zones(resolved, now, at_once=at_once)
        connection.execute(
            """INSERT INTO run (id, namespace, name, occurrence, resolved, intent_digest, content_digest, sender_id,
                                subject, transactional, suspended, first_due_at, start_by)
               VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            (
                run_id,
                *who,
                json.dumps(resolved.to_json()),
                resolved.intent_digest(),
                resolved.content_digest(),
                sender_id,
                _subject_id(connection, resolved),
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
        audit(connection, actor, "StartRun", f"{resolved.name}#{who[2]}", {"run": run_id, "planned": planned})
    return Started(run_id, True, planned, left_out, held=held)


def prepare_start(connection: Connection, resolved: ResolvedCampaign) -> None:
    """What other starts wait for, in a transaction that lasts a moment: the month, and what consent is about.

    Within a long transaction of the caller's it must have been called before that one began.
    """
    subject = _subject(resolved)
    with connection.transaction():
        connection.execute("SELECT make_months()")
        # Only when it is missing: ON CONFLICT takes a number each time, and there are but 32,767.
        if subject is not None and connection.execute(_SUBJECT, subject).fetchone() is None:
            connection.execute(
                "INSERT INTO consent_subject (brand, topic, channel) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                subject,
            )


_SUBJECT: LiteralString = "SELECT id FROM consent_subject WHERE (brand, topic, channel) = (%s, %s, %s)"


def _subject(resolved: ResolvedCampaign) -> tuple[str, str, str] | None:
    """Brand, topic and channel that consent must be about; None when none is needed."""
    spec = resolved.campaign.spec
    if spec.message_class == "Transactional" or spec.mode == "Proof":
        return None
    return resolved.sender.spec.brand, spec.message.topic, spec.message.channel


def _subject_id(connection: Connection, resolved: ResolvedCampaign) -> int | None:
    subject = _subject(resolved)
    if subject is None:
        return None
    return int(one(connection, _SUBJECT, subject)[0])


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
    start_by = check_in_time(resolved, first, now)
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


Change = Literal["suspend", "resume", "stop"]
_CHANGES: dict[Change, LiteralString] = {
    "suspend": "UPDATE run SET suspended = true WHERE id = %s AND state = 'Open'",
    "resume": "UPDATE run SET suspended = false WHERE id = %s AND state = 'Open' AND stopped_at IS NULL",
    "stop": "UPDATE run SET stopped_at = coalesce(stopped_at, clock_timestamp()) WHERE id = %s AND state = 'Open'",
}


def change_run(connection: Connection, run_id: int, change: Change, *, actor: str, reason: str = "") -> None:
    """Suspend, resume, or stop for good; why stands in the audit. Raises Refused when the run is over."""
    with connection.transaction():
        if connection.execute(_CHANGES[change], (run_id,)).rowcount == 0:
            raise Refused("RunIsOver", f"run {run_id} is closed or stopped, it can't {change}")
        audit(connection, actor, change.capitalize(), f"run {run_id}", {"reason": reason} if reason else {})


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
