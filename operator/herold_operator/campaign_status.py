"""What is said of a campaign in its status, and what that remembers of the ledger: pure functions of what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from herold.resources.approving import Approved, Unapproved
from herold_operator.annotations import STOP_ANNOTATION, stop_order
from herold_operator.campaigns import AT_ONCE, BY_ABSENCE, Seen, first_due
from herold_operator.conditions import Condition, build_conditions, stamp
from herold_operator.jobs import job_name
from herold_operator.judging import Verdict, build_validity
from herold_operator.outlook import build_ahead, describe
from herold_operator.reasons import Reason
from herold_operator.snapshot import LedgerState, RunView


def build_status(seen: Seen) -> dict[str, Any]:
    """The status, whole."""
    run = seen.run
    conditions = (
        build_validity(seen.verdict, "campaign"),
        _planned(seen),
        _progressing(run),
        _completed(run),
        _suspended(seen),
        _degraded(seen),
    )
    status: dict[str, Any] = {
        "observedGeneration": seen.generation,
        "state": _state(seen),
        "conditions": build_conditions(
            conditions, seen.status.get("conditions", ()), generation=seen.generation, now=seen.ledger.now
        ),
    }
    if run is not None:
        status["run"] = {"id": run.id, "occurrence": run.occurrence}
        if run.started_at is not None:
            status["run"]["startedTime"] = stamp(run.started_at)
        status["counts"] = {
            name: getattr(run, name)
            for name in ("planned", "sent", "deferred", "failed", "suppressed", "skipped", "uncertain")
        }
        status["ledger"] = {
            "system": seen.ledger.system,
            "timeline": seen.ledger.timeline,
            "sent": run.sent,
            "observedTime": stamp(seen.ledger.now),
        }
        if run.is_open and run.next_due_at is not None:
            status["nextSendTime"] = stamp(run.next_due_at)
    elif seen.verdict.resolved is not None and seen.starts_at not in (None, AT_ONCE) and not _is_stopped(seen):
        status["nextSendTime"] = stamp(first_due(seen.verdict.resolved))
    return status


def _is_stopped(seen: Seen) -> bool:
    """Whether no run can start as things are."""
    return seen.refusal is not None or isinstance(seen.approval, Unapproved)


def _planned(seen: Seen) -> Condition:
    run = seen.run
    if run is not None:
        left = sum(run.left_out.values())
        return Condition(
            Reason.AUDIENCE_FROZEN, f"Run {run.id}: {run.planned} people" + (f", {left} are left out." if left else ".")
        )
    if seen.verdict.resolved is None or seen.refusal is not None:
        return Condition(Reason.NOT_PLANNED, "There is no run.")
    if isinstance(seen.approval, Unapproved):
        return Condition(Reason.APPROVAL_MISSING, seen.unapproved)
    if seen.waits:
        return Condition(Reason.BUILDING, "The audience waits for its turn to be built: many are being built now.")
    if seen.is_building and seen.task is not None:
        return Condition(Reason.BUILDING, f"The audience is being built by the Job {job_name(seen.task)}.")
    at = "at once" if seen.starts_at in (None, AT_ONCE) else f"at {stamp(seen.starts_at)}"
    approved = f" CampaignApproval {seen.approval.by} approves it." if isinstance(seen.approval, Approved) else ""
    return Condition(Reason.SCHEDULED, f"The audience freezes {at}.{approved}{describe(seen.outlook)}")


def _progressing(run: RunView | None) -> Condition:
    if run is None:
        return Condition(Reason.NOT_STARTED, "There is no run yet.")
    if not run.is_open:
        return Condition(Reason.OVER, f"Run {run.id} is closed.")
    if run.stopped_at is not None:
        return Condition(Reason.FINISHING, "It was stopped; what is in hand is being settled.")
    if run.started_at is None:
        return Condition(Reason.ARMED, f"Run {run.id} waits for its time.")
    return Condition(Reason.SENDING, f"Run {run.id} sends since {stamp(run.started_at)}.")


def _completed(run: RunView | None) -> Condition:
    if run is None or run.is_open:
        return Condition(Reason.NOT_YET, "It is not over.")
    reason = Reason.STOPPED if run.stopped_at else Reason.EVERYBODY_SETTLED
    unclear = f" Possibly not reached: {run.uncertain}." if run.uncertain else ""
    closed = stamp(run.closed_at) if run.closed_at else ""
    return Condition(reason, f"Closed at {closed}: {run.sent} of {run.planned} sent.{unclear}")


def _suspended(seen: Seen) -> Condition:
    over = seen.run is not None and not seen.run.is_open
    if seen.holds and not over:
        first = next((each for each in seen.holds if each.actor == BY_ABSENCE), seen.holds[0])
        words = "; ".join(f"hold {each.id} on {each.scope} by {each.actor}: {each.reason}" for each in seen.holds)
        if first.reason.startswith(str(Reason.MASS_DELETION)):
            return Condition(Reason.MASS_DELETION, words)
        if first.reason.startswith(str(Reason.LOOKS_LIKE_REPEAT)):
            return Condition(Reason.LOOKS_LIKE_REPEAT, words)
        return Condition(Reason.HELD, words)
    if seen.suspend and not over:
        return Condition(Reason.SPEC_SUSPEND, "spec.suspend is true.")
    return Condition(Reason.NOT_SUSPENDED, "No brake is on.")


def _degraded(seen: Seen) -> Condition:
    run = seen.run
    if seen.ledger.regressed is not None:
        return Condition(Reason.LEDGER_REGRESSED, f"The ledger went backwards: {seen.ledger.regressed}.")
    if seen.stop is not None and seen.ordered is None:
        return Condition(Reason.STOP_NOT_OBEYED, _stop_trouble(seen.stop, run))
    if seen.refusal is not None:
        return Condition(seen.refusal.reason, seen.refusal.message)
    if seen.frozen_changed and run is not None and run.is_open:
        fields = ", ".join(seen.frozen_changed[:20])
        return Condition(Reason.FROZEN_FIELD_CHANGED, f"Edited since run {run.id} started, and not obeyed: {fields}.")
    if run is not None and _missed(run):
        words = f"Run {run.id} should have started by {stamp(run.start_by)}; nothing was sent."
        return Condition(Reason.START_MISSED, words)
    if seen.unmanned is not None and run is not None and run.is_open:
        sender = run.sender.partition("/")[2]
        words = f"kubectl describe pods -n {seen.unmanned} -l herold.dev/sender={sender}"
        return Condition(Reason.WORKERS_MISSING, f"Messages are due, and no worker is at work: {words}")
    if seen.trouble is not None:
        return Condition(seen.trouble.reason, seen.trouble.message)
    if seen.verdict.mistakes:
        reason = build_validity(seen.verdict).reason
        return Condition(Reason.NOT_ACCEPTED, f"It is not valid ({reason}); see the condition Valid.")
    ahead = build_ahead(seen.outlook, seen.preflight_trouble, seen.status)
    return ahead or Condition(Reason.AS_EXPECTED, "Nothing is out of order.")


def _stop_trouble(annotation: str, run: RunView | None) -> str:
    order = stop_order(annotation)
    its = "it has no run yet" if run is None else f"its run is {run.id}"
    if order is None:
        return f"{STOP_ANNOTATION} does not begin with the number of a run; {its}. Nothing was stopped."
    return f"{STOP_ANNOTATION} names run {order[0]}, which is none of this campaign; {its}. Nothing was stopped."


def _missed(run: RunView) -> bool:
    return not run.is_open and run.started_at is None and run.sent == 0 and run.stopped_at is None


def _state(seen: Seen) -> str:
    run = seen.run
    if run is not None and not run.is_open:
        return "Stopped" if run.stopped_at else "Missed" if _missed(run) else "Completed"
    if run is not None and run.stopped_at is not None:
        return "Stopping"
    if seen.holds:
        return "Held"
    if seen.suspend:
        return "Suspended"
    if run is None:
        if seen.verdict.mistakes:
            return "Invalid"
        if seen.refusal is not None:
            return "Refused"
        if isinstance(seen.approval, Unapproved):
            return "Unapproved"
        return "Building" if seen.is_building else "Scheduled"
    return "Sending" if run.started_at else "Armed"


def build_blind_status(
    before: Mapping[str, Any], verdict: Verdict, *, generation: int, trouble: str, now: datetime
) -> dict[str, Any]:
    """The status while the ledger does not answer: what was said of the run stays, as it was."""
    valid = build_validity(verdict, "campaign")
    old = list(before.get("conditions", ()))
    if old:
        said = build_conditions(
            (valid, Condition(Reason.LEDGER_UNAVAILABLE, trouble)), old, generation=generation, now=now
        )
        new = {each["type"]: each for each in said}
        conditions = [new.get(each["type"], each) for each in old]
    else:
        first = (
            valid,
            Condition(Reason.NOT_PLANNED, "Unknown: the ledger does not answer."),
            Condition(Reason.NOT_STARTED, "Unknown: the ledger does not answer."),
            Condition(Reason.NOT_YET, "Unknown: the ledger does not answer."),
            Condition(Reason.NOT_SUSPENDED, "Unknown: the ledger does not answer."),
            Condition(Reason.LEDGER_UNAVAILABLE, trouble),
        )
        conditions = build_conditions(first, (), generation=generation, now=now)
    return {
        **before,
        "observedGeneration": generation,
        "state": before.get("state", "Unknown"),
        "conditions": conditions,
    }


def regression(status: Mapping[str, Any], runs: Mapping[int, RunView], ledger: LedgerState) -> str | None:
    """Why the ledger must have gone backwards against what the status of a campaign mirrors; None when it did not."""
    mirror, known = status.get("ledger"), status.get("run")
    if not mirror or not known:
        return None
    if ledger.accepted_at is not None and stamp(ledger.accepted_at) >= mirror["observedTime"]:
        return None
    if mirror["system"] != ledger.system:
        return "it is another PostgreSQL cluster than the one that a campaign's status mirrors"
    if ledger.timeline < mirror["timeline"]:
        return f"its timeline went back from {mirror['timeline']} to {ledger.timeline}"
    run = runs.get(known["id"])
    if run is None:
        return f"run {known['id']} is gone"
    if run.sent < mirror["sent"]:
        return f"run {run.id} has sent {run.sent}, it had sent {mirror['sent']}"
    return None
