"""What the ledger makes of a campaign as it is written now, without looking at a single person: an answer at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from herold.errors import Refused
from herold.ledger.database import Connection, one
from herold.ledger.senders import sync_sender
from herold.ledger.times import DueZone, all_zones, due_zones
from herold.resources.resolved import PROOF, ResolvedCampaign, intent_of
from herold.resources.scalars import parse_duration

Identity = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Started:
    """A run that is open. `frozen_changed` names fields of the spec that were edited since and are not obeyed."""

    run_id: int
    new: bool
    planned: int
    left_out: dict[str, int]
    frozen_changed: tuple[str, ...] = ()
    held: str | None = None


def identity(resolved: ResolvedCampaign) -> Identity:
    """(namespace, name, occurrence) of the run. Proofs have a name of their own: none is taken for the campaign."""
    campaign = resolved.campaign
    name = campaign.metadata.name
    if campaign.spec.mode == "Proof" and not name.endswith(PROOF):
        name += PROOF
    return campaign.metadata.namespace, name, campaign.spec.occurrence


def known_run(connection: Connection, resolved: ResolvedCampaign, *, at_once: bool = False) -> Started | None:
    """The open run of this occurrence, which follows the brake and the rates of the spec; None when one may start.

    Call it in a transaction. Raises Refused: AlreadyRan, OccurrenceWentBack, StartMissed.
    """
    who = identity(resolved)
    row = connection.execute(
        """SELECT id, state, planned, left_out, intent_digest, resolved, suspended, stopped_at FROM run
           WHERE (namespace, name, occurrence) = (%s, %s, %s)""",
        who,
    ).fetchone()
    if row is None:
        later = one(connection, "SELECT max(occurrence) FROM run WHERE (namespace, name) = (%s, %s)", who[:2])[0]
        if later is not None and later > who[2]:
            raise Refused(
                "OccurrenceWentBack",
                f"{resolved.name} ran with occurrence {later} already, and {who[2]} is less",
                hint=f"write occurrence: {later + 1} to send it once more",
            )
        if not at_once and resolved.campaign.spec.mode == "Live":
            # Too late in every time zone: that is so whoever the audience is.
            now = one(connection, "SELECT clock_timestamp()")[0]
            check_in_time(resolved, max(zone.due_at for zone in run_zones(resolved, now, at_once=False)), now)
        return None
    run_id, state, planned, left_out, digest, pinned, suspended, stopped_at = row
    changed = (
        ()
        if digest == resolved.intent_digest()
        else tuple(_differences(intent_of(pinned), intent_of(resolved.to_json())))
    )
    if state == "Closed" or stopped_at is not None:
        raise Refused(
            "AlreadyRan",
            f"{resolved.name} occurrence {who[2]} ran already (run {run_id}); nobody gets it again"
            + (f"; changed since: {', '.join(changed)}" if changed else ""),
            hint=f"write occurrence: {who[2] + 1} to send it once more, on purpose",
        )
    if suspended != resolved.campaign.spec.suspend:
        connection.execute("UPDATE run SET suspended = %s WHERE id = %s", (resolved.campaign.spec.suspend, run_id))
    sync_sender(connection, resolved.sender)
    return Started(run_id, False, planned, left_out, changed)


def check_in_time(resolved: ResolvedCampaign, first_due: datetime, now: datetime) -> datetime:
    """By when the first message must have gone out. Raises Refused (StartMissed) when that is over."""
    start_by = first_due + parse_duration(resolved.campaign.spec.schedule.starting_deadline)
    if now > start_by:
        raise Refused(
            "StartMissed",
            f"{resolved.name} should have started by {start_by.astimezone(UTC):%Y-%m-%d %H:%M} UTC; nothing was sent",
            hint="move schedule.at, or lengthen schedule.startingDeadline",
        )
    return start_by


def run_zones(resolved: ResolvedCampaign, now: datetime, *, at_once: bool) -> list[DueZone]:
    """The time zones of a run, everybody's: who is in the audience is not known yet."""
    schedule = resolved.campaign.spec.schedule
    if at_once or resolved.campaign.spec.mode == "Proof":
        return [DueZone(0, schedule.time_zone, now, now + parse_duration(schedule.expires_after), ())]
    return due_zones(schedule, all_zones())


def _differences(old: Any, new: Any, path: str = "") -> Iterator[str]:
    """Paths at which two intents differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            yield from _differences(old.get(name), new.get(name), f"{path}.{name}" if path else name)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (one_of_old, one_of_new) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one_of_old, one_of_new, f"{path}[{index}]")
    elif old != new:
        yield path
