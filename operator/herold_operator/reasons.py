"""Every reason of every condition, in one place: what it says, and what a person does about it.

docs/reference/operator.md is generated from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ConditionType(StrEnum):
    """The conditions. All of them stand on a Campaign from the first visit; other kinds have `Valid` only."""

    VALID = "Valid"
    PLANNED = "Planned"
    PROGRESSING = "Progressing"
    COMPLETED = "Completed"
    SUSPENDED = "Suspended"
    DEGRADED = "Degraded"


class Reason(StrEnum):
    """Why a condition is as it is."""

    ACCEPTED = "Accepted"
    INVALID_SPEC = "InvalidSpec"
    REFERENCE_NOT_FOUND = "ReferenceNotFound"

    SCHEDULED = "Scheduled"
    BUILDING = "Building"
    AUDIENCE_FROZEN = "AudienceFrozen"
    NOT_PLANNED = "NotPlanned"
    APPROVAL_MISSING = "ApprovalMissing"

    ARMED = "Armed"
    SENDING = "Sending"
    FINISHING = "Finishing"
    NOT_STARTED = "NotStarted"
    OVER = "Over"

    EVERYBODY_SETTLED = "EverybodySettled"
    STOPPED = "Stopped"
    NOT_YET = "NotYet"

    NOT_SUSPENDED = "NotSuspended"
    SPEC_SUSPEND = "SpecSuspend"
    HELD = "Held"
    MASS_DELETION = "MassDeletion"
    LOOKS_LIKE_REPEAT = "LooksLikeRepeat"

    AS_EXPECTED = "AsExpected"
    NOT_ACCEPTED = "NotAccepted"
    FROZEN_FIELD_CHANGED = "FrozenFieldChanged"
    ALREADY_RAN = "AlreadyRan"
    OCCURRENCE_WENT_BACK = "OccurrenceWentBack"
    START_MISSED = "StartMissed"
    TOO_MANY_RECIPIENTS = "TooManyRecipients"
    NOBODY_TO_REACH = "NobodyToReach"
    LEDGER_REGRESSED = "LedgerRegressed"
    LEDGER_UNAVAILABLE = "LedgerUnavailable"
    START_REFUSED = "StartRefused"
    AUDIENCE_BUILD_FAILED = "AudienceBuildFailed"
    AUDIENCE_BUILD_LATE = "AudienceBuildLate"
    PREFLIGHT_FOUND_TROUBLE = "PreflightFoundTrouble"
    PREFLIGHT_FAILED = "PreflightFailed"
    STOP_NOT_OBEYED = "StopNotObeyed"
    WORKERS_MISSING = "WorkersMissing"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason says, and what to do (empty: nothing)."""

    type: ConditionType
    status: str
    says: str
    do: str = ""


_V, _P, _G = ConditionType.VALID, ConditionType.PLANNED, ConditionType.PROGRESSING
_C, _S, _D = ConditionType.COMPLETED, ConditionType.SUSPENDED, ConditionType.DEGRADED

MEANINGS: dict[Reason, Meaning] = {
    Reason.ACCEPTED: Meaning(_V, "True", "The resource and everything that it names are right."),
    Reason.INVALID_SPEC: Meaning(
        _V,
        "False",
        "Something is wrong with it, or with what it names; the message lists every mistake.",
        "Mend what the message names. A run that is under way goes on as it was pinned; brakes still hold.",
    ),
    Reason.REFERENCE_NOT_FOUND: Meaning(
        _V,
        "False",
        "It names something that does not exist.",
        "Apply what is missing, or mend the name; the operator looks again by itself.",
    ),
    Reason.SCHEDULED: Meaning(_P, "True", "It is accepted; the audience freezes at the time in the message."),
    Reason.BUILDING: Meaning(
        _P, "True", "Its audience is being built by a Job in the platform's namespace, or waits for its turn."
    ),
    Reason.AUDIENCE_FROZEN: Meaning(_P, "True", "Audience, texts and times are pinned in a run."),
    Reason.NOT_PLANNED: Meaning(_P, "False", "There is no run, and none can start as things are.", "See Degraded."),
    Reason.APPROVAL_MISSING: Meaning(
        _P,
        "False",
        "It may go to so many people that a second person must approve it, and nobody approved this very content for "
        "them; nothing starts.",
        "An approver adds the file that the message names (docs/how-to/approve-a-campaign.md), or lower "
        "`audience.maxRecipients`.",
    ),
    Reason.ARMED: Meaning(_G, "True", "The run waits for its time."),
    Reason.SENDING: Meaning(_G, "True", "Messages go out."),
    Reason.FINISHING: Meaning(_G, "True", "It was stopped; what is in hand is being settled."),
    Reason.NOT_STARTED: Meaning(_G, "False", "There is no run yet."),
    Reason.OVER: Meaning(_G, "False", "The run is closed."),
    Reason.EVERYBODY_SETTLED: Meaning(_C, "True", "Everybody of the audience has a final outcome."),
    Reason.STOPPED: Meaning(_C, "True", "It was stopped for good; who was not reached by then is skipped."),
    Reason.NOT_YET: Meaning(_C, "False", "It is not over."),
    Reason.NOT_SUSPENDED: Meaning(_S, "False", "No brake is on."),
    Reason.SPEC_SUSPEND: Meaning(_S, "True", "spec.suspend is true.", "Set it to false, in Git."),
    Reason.HELD: Meaning(
        _S,
        "True",
        "A hold is on: on this campaign, its team, its sender, or everything.",
        "`kubectl campaign release NAME` if the annotation holds it; else `herold hold release ID` with the number in "
        "the message.",
    ),
    Reason.MASS_DELETION: Meaning(
        _S,
        "True",
        "It vanished together with many others, and came back.",
        "Look whether it is what was meant, then `herold hold release ID` with the number in the message.",
    ),
    Reason.LOOKS_LIKE_REPEAT: Meaning(
        _S,
        "True",
        "Most of these people got the same message days ago.",
        "If it is meant, release the hold; `repeatPolicy: Allow` says so beforehand.",
    ),
    Reason.AS_EXPECTED: Meaning(_D, "False", "Nothing is out of order."),
    Reason.NOT_ACCEPTED: Meaning(_D, "True", "It is not valid.", "See the condition Valid."),
    Reason.FROZEN_FIELD_CHANGED: Meaning(
        _D,
        "True",
        "Fields were edited that the run pinned when it started; they are not obeyed.",
        "Undo the edit, or let the run end and send again with `occurrence` one greater.",
    ),
    Reason.ALREADY_RAN: Meaning(
        _D,
        "True",
        "This occurrence is over, and the spec was changed since; nobody gets it again.",
        "Write `occurrence` one greater if it is to go out once more.",
    ),
    Reason.OCCURRENCE_WENT_BACK: Meaning(
        _D, "True", "A later occurrence ran already.", "Write `occurrence` as the message says."
    ),
    Reason.START_MISSED: Meaning(
        _D,
        "True",
        "It could not start within `schedule.startingDeadline`; nothing was sent.",
        "Move `schedule.at`, or lengthen the deadline; a run that was armed needs `occurrence` one greater.",
    ),
    Reason.TOO_MANY_RECIPIENTS: Meaning(
        _D,
        "True",
        "The audience is greater than `audience.maxRecipients`; nothing was sent.",
        "Look at `herold plan`; raise the bound if all are meant.",
    ),
    Reason.NOBODY_TO_REACH: Meaning(
        _D, "True", "Nobody is left to get it.", "`herold plan` says who is left out and why."
    ),
    Reason.LEDGER_REGRESSED: Meaning(
        _D,
        "True",
        "The ledger knows less than was seen of it (a restored backup, a lost promotion). All sending has stopped.",
        "Find out what was sent since, then `herold ledger accept` (docs/how-to/after-a-restore.md).",
    ),
    Reason.LEDGER_UNAVAILABLE: Meaning(
        _D,
        "True",
        "The ledger does not answer the operator. Temporary: it tries again by itself. Workers go by their own "
        "connections.",
        "Look at PostgreSQL; counts are as old as they were.",
    ),
    Reason.STOP_NOT_OBEYED: Meaning(
        _D,
        "True",
        "The annotation `herold.dev/stop` does not name a run of this campaign; nothing was stopped.",
        "Write the number of the run (`.status.run.id`) and a reason, or take the annotation away.",
    ),
    Reason.AUDIENCE_BUILD_FAILED: Meaning(
        _D,
        "True",
        "The Job that builds its audience can't run, or failed; nothing was sent.",
        "Mend what the message names (an image, a quota, a Secret, memory). The Job is made again by itself, at once "
        "when the failed one is deleted.",
    ),
    Reason.AUDIENCE_BUILD_LATE: Meaning(
        _D,
        "True",
        "The Job that builds its audience has not begun, or takes longer than it should; nothing was sent.",
        "See the message: make room on the nodes, or wait for a great audience.",
    ),
    Reason.PREFLIGHT_FOUND_TROUBLE: Meaning(
        _D,
        "True",
        "It is not its time yet, and as things are something would go wrong then; the message lists everything. "
        "Nothing waits for it: the campaign starts at its time all the same.",
        "Mend what the message names. It is looked at again within a quarter of an hour, after an edit at once.",
    ),
    Reason.PREFLIGHT_FAILED: Meaning(
        _D,
        "True",
        "The Job that looks what would go wrong can't run, failed, or takes longer than it should. Nothing waits for "
        "it, but a start needs much of what it needs.",
        "Mend what the message names (an image, a quota, a Secret, memory). The Job is made again by itself, at once "
        "when the failed one is deleted.",
    ),
    Reason.START_REFUSED: Meaning(_D, "True", "The ledger refused to start the run.", "See the message."),
    Reason.WORKERS_MISSING: Meaning(
        _D,
        "True",
        "Messages are due, no brake is on, and for a minute no worker of its sender was at work.",
        "The command in the message says what is in the way: no room on the nodes, an image that can't be pulled, a "
        "Secret that is missing, a ledger that workers do not reach. Then it goes on by itself.",
    ),
}


def reference_page() -> str:
    """docs/reference/operator.md."""
    lines = [
        "<!-- Generated by `make generate`. Do not edit. -->",
        "# Conditions and reasons",
        "",
        "A Campaign has all six conditions from the operator's first visit; the other kinds have `Valid`. "
        "`observedGeneration` says which edit a condition speaks of. The column `Degraded` of `kubectl get campaigns` "
        "is the reason of that condition.",
        "",
        "| condition | status | reason | says | what to do |",
        "| --- | --- | --- | --- | --- |",
    ]
    for reason, meaning in MEANINGS.items():
        lines.append(f"| {meaning.type} | {meaning.status} | `{reason}` | {meaning.says} | {meaning.do} |")
    return "\n".join(lines) + "\n"
