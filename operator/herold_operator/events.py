"""What a person would want to know, as Kubernetes Events: one catalogue, and which of them a new status tells.

They are Events of core v1, because those are what `kubectl describe`, `get events` and `events` list, and because there
`count` and the last time may be amended: what happens again is one line that says how often. Conditions are the truth;
Events are its history, kept by the API server for an hour, and one of them may be lost with the process that had it.
https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from herold.resources.meta import API_VERSION, Key
from herold_operator.reasons import ConditionType, Reason

BURST = 20  # Events of one resource at once; then one in REFILL_SECONDS
REFILL_SECONDS = 60.0
MOST = 1024  # characters of a message; events.k8s.io allows no more
COMPONENT = "herold-operator"
Object = dict[str, Any]


class EventReason(StrEnum):
    """What happened, in one word."""

    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    REFERENCE_NOT_FOUND = "ReferenceNotFound"
    APPROVAL_MISSING = "ApprovalMissing"
    APPROVED = "Approved"
    AUDIENCE_FROZEN = "AudienceFrozen"
    STARTED = "Started"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    COMPLETED = "Completed"

    HELD = "Held"
    RELEASED = "Released"
    SUSPENDED = "Suspended"
    RESUMED = "Resumed"
    LOOKS_LIKE_REPEAT = "LooksLikeRepeat"
    MASS_DELETION = "MassDeletion"
    ORPHANED = "Orphaned"

    FROZEN_FIELD_CHANGED = "FrozenFieldChanged"
    ALREADY_RAN = "AlreadyRan"
    OCCURRENCE_WENT_BACK = "OccurrenceWentBack"
    START_MISSED = "StartMissed"
    TOO_MANY_RECIPIENTS = "TooManyRecipients"
    NOBODY_TO_REACH = "NobodyToReach"
    START_REFUSED = "StartRefused"
    AUDIENCE_BUILD_FAILED = "AudienceBuildFailed"
    AUDIENCE_BUILD_LATE = "AudienceBuildLate"
    PREFLIGHT_FOUND_TROUBLE = "PreflightFoundTrouble"
    PREFLIGHT_CLEAR = "PreflightClear"
    PREFLIGHT_FAILED = "PreflightFailed"
    STOP_NOT_OBEYED = "StopNotObeyed"
    WORKERS_MISSING = "WorkersMissing"
    LEDGER_UNAVAILABLE = "LedgerUnavailable"
    LEDGER_BACK = "LedgerBack"
    LEDGER_REGRESSED = "LedgerRegressed"
    LEDGER_ACCEPTED = "LedgerAccepted"


@dataclass(frozen=True, slots=True)
class Sentence:
    """What an Event says; details follow it. `type` is Normal, or Warning when a person should look."""

    type: str
    says: str


_N, _W = "Normal", "Warning"

EVENTS: dict[EventReason, Sentence] = {
    EventReason.ACCEPTED: Sentence(_N, "It and everything that it names are right."),
    EventReason.INVALID_SPEC: Sentence(_W, "Something is wrong with it, or with what it names:"),
    EventReason.REFERENCE_NOT_FOUND: Sentence(_W, "It names something that does not exist:"),
    EventReason.APPROVAL_MISSING: Sentence(_W, "It waits for a second person:"),
    EventReason.APPROVED: Sentence(_N, "It waits for nobody's approval any more."),
    EventReason.AUDIENCE_FROZEN: Sentence(_N, "Audience, texts and times are pinned."),
    EventReason.STARTED: Sentence(_N, "Messages go out."),
    EventReason.STOPPING: Sentence(_N, "It was stopped for good; what is in hand is being settled."),
    EventReason.STOPPED: Sentence(_N, "It was stopped for good, and is over."),
    EventReason.COMPLETED: Sentence(_N, "Everybody of the audience has a final outcome."),
    EventReason.HELD: Sentence(_N, "Nothing goes out:"),
    EventReason.RELEASED: Sentence(_N, "It is no longer held:"),
    EventReason.SUSPENDED: Sentence(_N, "Nothing goes out: spec.suspend is true."),
    EventReason.RESUMED: Sentence(_N, "It goes on: spec.suspend is no longer true."),
    EventReason.LOOKS_LIKE_REPEAT: Sentence(_W, "Most of these people got the same message days ago; it waits:"),
    EventReason.MASS_DELETION: Sentence(_W, "It vanished together with many others; its run waits for a person:"),
    EventReason.ORPHANED: Sentence(_W, "It was deleted while its run is open; the run pauses, and is kept:"),
    EventReason.FROZEN_FIELD_CHANGED: Sentence(_W, "An edit came too late."),
    EventReason.ALREADY_RAN: Sentence(_W, "An edit came after the end; nobody gets it again."),
    EventReason.OCCURRENCE_WENT_BACK: Sentence(_W, "A later occurrence ran already."),
    EventReason.START_MISSED: Sentence(_W, "It could not start in time; nothing was sent."),
    EventReason.TOO_MANY_RECIPIENTS: Sentence(_W, "The audience is greater than allowed; nothing was sent."),
    EventReason.NOBODY_TO_REACH: Sentence(_W, "Nobody is left to get it."),
    EventReason.START_REFUSED: Sentence(_W, "The ledger refused to start the run."),
    EventReason.AUDIENCE_BUILD_FAILED: Sentence(_W, "Its audience can't be built."),
    EventReason.AUDIENCE_BUILD_LATE: Sentence(_W, "Its audience is not built in time."),
    EventReason.PREFLIGHT_FOUND_TROUBLE: Sentence(_W, "Something would go wrong at its time."),
    EventReason.PREFLIGHT_CLEAR: Sentence(_N, "What pre-flight found holds no longer."),
    EventReason.PREFLIGHT_FAILED: Sentence(_W, "Nobody can look what would go wrong at its time."),
    EventReason.STOP_NOT_OBEYED: Sentence(_W, "A stop was not obeyed:"),
    EventReason.WORKERS_MISSING: Sentence(_W, "Messages are due, and no worker sends them."),
    EventReason.LEDGER_UNAVAILABLE: Sentence(_W, "The ledger does not answer the operator."),
    EventReason.LEDGER_BACK: Sentence(_N, "The ledger answers again."),
    EventReason.LEDGER_REGRESSED: Sentence(_W, "All sending has stopped."),
    EventReason.LEDGER_ACCEPTED: Sentence(_N, "A person accepted the ledger as it is; sending goes on."),
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One Event to be. `about` is the resource, `uid` its own ('' when that is not known any more)."""

    about: Key
    uid: str
    reason: EventReason
    detail: str = ""

    @property
    def message(self) -> str:
        """Its sentence with details."""
        return f"{EVENTS[self.reason].says} {self.detail}".strip()[:MOST]


# What a condition's new reason tells. Those that are not here tell nothing that another condition does not.
TOLD: dict[Reason, EventReason] = {
    Reason.ACCEPTED: EventReason.ACCEPTED,
    Reason.INVALID_SPEC: EventReason.INVALID_SPEC,
    Reason.REFERENCE_NOT_FOUND: EventReason.REFERENCE_NOT_FOUND,
    Reason.APPROVAL_MISSING: EventReason.APPROVAL_MISSING,
    Reason.AUDIENCE_FROZEN: EventReason.AUDIENCE_FROZEN,
    Reason.SENDING: EventReason.STARTED,
    Reason.FINISHING: EventReason.STOPPING,
    Reason.STOPPED: EventReason.STOPPED,
    Reason.EVERYBODY_SETTLED: EventReason.COMPLETED,
    Reason.HELD: EventReason.HELD,
    Reason.SPEC_SUSPEND: EventReason.SUSPENDED,
    Reason.LOOKS_LIKE_REPEAT: EventReason.LOOKS_LIKE_REPEAT,
    Reason.MASS_DELETION: EventReason.MASS_DELETION,
    Reason.FROZEN_FIELD_CHANGED: EventReason.FROZEN_FIELD_CHANGED,
    Reason.ALREADY_RAN: EventReason.ALREADY_RAN,
    Reason.OCCURRENCE_WENT_BACK: EventReason.OCCURRENCE_WENT_BACK,
    Reason.START_MISSED: EventReason.START_MISSED,
    Reason.TOO_MANY_RECIPIENTS: EventReason.TOO_MANY_RECIPIENTS,
    Reason.NOBODY_TO_REACH: EventReason.NOBODY_TO_REACH,
    Reason.START_REFUSED: EventReason.START_REFUSED,
    Reason.AUDIENCE_BUILD_FAILED: EventReason.AUDIENCE_BUILD_FAILED,
    Reason.AUDIENCE_BUILD_LATE: EventReason.AUDIENCE_BUILD_LATE,
    Reason.PREFLIGHT_FOUND_TROUBLE: EventReason.PREFLIGHT_FOUND_TROUBLE,
    Reason.PREFLIGHT_FAILED: EventReason.PREFLIGHT_FAILED,
    Reason.STOP_NOT_OBEYED: EventReason.STOP_NOT_OBEYED,
    Reason.WORKERS_MISSING: EventReason.WORKERS_MISSING,
    Reason.LEDGER_UNAVAILABLE: EventReason.LEDGER_UNAVAILABLE,
    Reason.LEDGER_REGRESSED: EventReason.LEDGER_REGRESSED,
}
# What it tells that a reason holds no longer.
ENDED: dict[Reason, EventReason] = {
    Reason.HELD: EventReason.RELEASED,
    Reason.LOOKS_LIKE_REPEAT: EventReason.RELEASED,
    Reason.MASS_DELETION: EventReason.RELEASED,
    Reason.SPEC_SUSPEND: EventReason.RESUMED,
    Reason.LEDGER_UNAVAILABLE: EventReason.LEDGER_BACK,
    Reason.LEDGER_REGRESSED: EventReason.LEDGER_ACCEPTED,
    Reason.PREFLIGHT_FOUND_TROUBLE: EventReason.PREFLIGHT_CLEAR,
    Reason.APPROVAL_MISSING: EventReason.APPROVED,
}
_HOLDS = (Reason.HELD, Reason.LOOKS_LIKE_REPEAT, Reason.MASS_DELETION)
_ANEW = (*_HOLDS, Reason.STOP_NOT_OBEYED, Reason.PREFLIGHT_FOUND_TROUBLE, Reason.APPROVAL_MISSING)
_MISTAKES = (Reason.INVALID_SPEC, Reason.REFERENCE_NOT_FOUND, Reason.FROZEN_FIELD_CHANGED, Reason.ALREADY_RAN)
# Their sentence says it all.
_PLAIN = frozenset((Reason.ACCEPTED, Reason.SPEC_SUSPEND, Reason.FINISHING))
_ENDS = ("Completed", "Stopped", "Missed")
_COUNTS = ("sent", "failed", "suppressed", "skipped")


def plan_events(key: Key, uid: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Happening]:
    """What a change of status tells, in the order of the conditions; nothing where the same holds as before."""
    old, new = _by_type(before), _by_type(after)
    over = after.get("state") in _ENDS
    ended = before.get("state") in _ENDS
    found: list[Happening] = []
    for name, condition in new.items():
        if condition["reason"] not in set(Reason):
            continue  # a later version of us wrote it
        was, now = old.get(name), Reason(condition["reason"])
        since = Reason(was["reason"]) if was is not None and was["reason"] in set(Reason) else None
        if since != now and since in ENDED and not _is_still(since, now, after) and not over:
            found.append(Happening(key, uid, ENDED[since]))
        if now not in TOLD or (name == ConditionType.DEGRADED and ended and now in ENDED):
            continue
        if since != now or (was is not None and _is_news(now, was, condition)):
            found.append(Happening(key, uid, TOLD[now], _detail(now, condition["message"], after)))
    return found


def build_event(happening: Happening, name: str, *, count: int, first: str, last: str, instance: str) -> Object:
    """The Event, ready to be made. `first` and `last` are times as Kubernetes writes them; `instance`: who says it."""
    kind, namespace, subject = happening.about
    about = {"apiVersion": API_VERSION, "kind": kind, "namespace": namespace, "name": subject}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": about | ({"uid": happening.uid} if happening.uid else {}),
        "type": EVENTS[happening.reason].type,
        "reason": str(happening.reason),
        "message": happening.message,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": instance,
        "firstTimestamp": first,
        "lastTimestamp": last,
        "count": count,
    }


def _by_type(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {each["type"]: each for each in status.get("conditions", ())}


def _is_still(before: Reason, now: Reason, status: Mapping[str, Any]) -> bool:
    """Whether a brake is only said in another way, or lies behind another; or what was found ahead is not ahead now."""
    if before == Reason.PREFLIGHT_FOUND_TROUBLE:
        return now != Reason.AS_EXPECTED or status.get("state") == "Sending"
    if before == Reason.APPROVAL_MISSING:
        return now == Reason.NOT_PLANNED
    return now in _HOLDS and (before in _HOLDS or before == Reason.SPEC_SUSPEND)


def _is_news(reason: Reason, before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether the same reason tells something new: another hold, or an edit that left other mistakes."""
    if before["message"] == now["message"]:
        return False
    edited = before["observedGeneration"] != now["observedGeneration"]
    return reason in _ANEW or (edited and reason in _MISTAKES)


def _detail(reason: Reason, message: str, status: Mapping[str, Any]) -> str:
    if reason in _PLAIN:
        return ""
    counts = status.get("counts")
    if reason in (Reason.EVERYBODY_SETTLED, Reason.STOPPED) and counts:
        outcomes = ", ".join(f"{counts[name]} {name}" for name in _COUNTS)
        unclear = f", possibly not reached: {counts['uncertain']}" if counts["uncertain"] else ""
        return f"Of {counts['planned']} people: {outcomes}{unclear}."
    return message


def reference_lines() -> list[str]:
    """Their part of docs/reference/operator.md."""
    lines = [
        "# Events",
        "",
        "`kubectl describe campaign NAME` and `kubectl events` show them for an hour. Each tells one change; a restart "
        "or a look at everything tells nothing again. What happens again with the same words is counted in one Event; "
        f"one resource gets at most {BURST} at once and one a minute. Conditions are what counts: an Event may be lost "
        "with the process that was about to post it.",
        "",
        "| type | reason | says |",
        "| --- | --- | --- |",
    ]
    return lines + [f"| {each.type} | `{reason}` | {each.says} |" for reason, each in EVENTS.items()]
