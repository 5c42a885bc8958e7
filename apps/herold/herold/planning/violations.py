"""What is wrong with a plan, and what its author should know: decided from the numbers alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from herold.audience.reasons import Reason
from herold.ledger.runs import REPEAT_DAYS, REPEAT_SHARE
from herold.planning.facts import Facts
from herold.planning.pace import Pace
from herold.planning.plan import Bounds, Violation
from herold.planning.standing import Standing
from herold.planning.words import moment, number, people, share
from herold.resources.resolved import ResolvedCampaign

MANY_EXPIRE = 0.01  # of the audience; fewer are told in the plan, but are no reason to worry


def find_violations(
    resolved: ResolvedCampaign, facts: Facts, standing: Standing, pace: Pace, bounds: Bounds, *, now: datetime
) -> tuple[Violation, ...]:
    """Errors first, then warnings; each with what to do."""
    found = [
        *_runs(resolved, standing),
        *_size(resolved, facts),
        *_times(resolved, pace, bounds, now),
        *_people(resolved, facts),
        *_notes(resolved, facts, standing),
    ]
    return tuple(sorted(found, key=lambda violation: violation.severity != "error"))


def draft_violations(resolved: ResolvedCampaign, bounds: Bounds, *, now: datetime) -> Iterator[Violation]:
    """Those that files alone show."""
    if now > bounds.start_by and resolved.campaign.spec.mode == "Live":
        yield _start_missed(resolved, bounds)
    yield from _suspended(resolved)


def _runs(resolved: ResolvedCampaign, standing: Standing) -> Iterator[Violation]:
    occurrence, own = resolved.campaign.spec.occurrence, standing.own
    again = f"Write occurrence: {(standing.latest or occurrence) + 1} to send it once more, on purpose."
    if own is not None and own.over:
        yield Violation(
            "error", "AlreadyRan", f"It ran already (run {own.run_id}). As it is written it sends to nobody.", again
        )
    elif own is not None:
        message = f"Run {own.run_id} of it is open: its audience and its message were frozen when it started."
        if not own.same_intent:
            message += " What was edited since is not obeyed."
        yield Violation("warning", "AlreadyStarted", message, f"Let it finish. {again}")
    elif standing.latest is not None and standing.latest > occurrence:
        message = f"Occurrence {standing.latest} ran already, and this one is {occurrence}."
        yield Violation("error", "OccurrenceWentBack", message, again)


def _size(resolved: ResolvedCampaign, facts: Facts) -> Iterator[Violation]:
    bound = resolved.campaign.spec.audience.max_recipients
    if facts.size > bound:
        yield Violation(
            "error",
            "TooManyRecipients",
            f"{people(facts.size)} are more than maxRecipients, which is {number(bound)}. It won't start.",
            "Narrow the segments, or raise spec.audience.maxRecipients if all of them are meant.",
            facts.size,
        )
    elif facts.estimate is not None and facts.estimate.high > bound:
        yield Violation(
            "warning",
            "TooManyRecipients",
            f"There may be more people than maxRecipients, which is {number(bound)}: up to "
            f"{number(facts.estimate.high)}.",
            "Make the plan without sampling.",
        )
    if facts.size == 0:
        left = sum(facts.left_out.values())
        why = f"all {people(left)} in the segments are left out" if left else "nobody is in the segments"
        yield Violation(
            "error", "NobodyToReach", f"Nobody would get it: {why}.", "Look at the reasons, and at the segments."
        )


def _times(resolved: ResolvedCampaign, pace: Pace, bounds: Bounds, now: datetime) -> Iterator[Violation]:
    missed = now > bounds.start_by and resolved.campaign.spec.mode == "Live"
    if missed or (pace.first is not None and pace.first > bounds.start_by):
        yield _start_missed(resolved, bounds)
    elif pace.expired and pace.expired >= MANY_EXPIRE * pace.people:
        everybody = pace.expired == pace.people
        yield Violation(
            "error" if everybody else "warning",
            "ManyExpire",
            f"{people(pace.expired)} ({share(pace.expired, pace.people)}) would not get it before it expires: rates, "
            "warm-up and quiet hours leave too little time.",
            "Lengthen schedule.expiresAfter, begin earlier, or ask the platform for a higher rate.",
            pace.expired,
        )


def _start_missed(resolved: ResolvedCampaign, bounds: Bounds) -> Violation:
    by = moment(bounds.start_by, resolved.campaign.spec.schedule.time_zone)
    return Violation(
        "error",
        "StartMissed",
        f"It should have started by {by}, its starting deadline. It won't start.",
        "Move schedule.at, or lengthen schedule.startingDeadline.",
    )


def _suspended(resolved: ResolvedCampaign) -> Iterator[Violation]:
    if resolved.campaign.spec.suspend:
        yield Violation(
            "warning", "Suspended", "spec.suspend is true: nothing goes out.", "Write suspend: false when it may."
        )


def _people(resolved: ResolvedCampaign, facts: Facts) -> Iterator[Violation]:
    for name, count in sorted(facts.lacking.items()):
        yield Violation(
            "error",
            "MissingAttribute",
            f"{people(count)} have no {name}, which the message inserts, and the template has no default for it.",
            f"Write a default for {name} in the template's attributeDefaults, or leave those people out.",
            count,
        )
    outside = facts.left_out.get(Reason.OUTSIDE_ALLOW_LIST, 0)
    if outside:
        sender = resolved.sender.metadata
        yield Violation(
            "warning",
            Reason.OUTSIDE_ALLOW_LIST,
            f"{people(outside)} are outside the allow-list of {sender.namespace}/{sender.name} and get nothing.",
            "Until bounces and unsubscribes come back, a sender reaches reserved domains and its allow-list only.",
            outside,
        )


def _notes(resolved: ResolvedCampaign, facts: Facts, standing: Standing) -> Iterator[Violation]:
    if facts.seeds_suppressed:
        yield Violation(
            "warning",
            "SeedSuppressed",
            f"{number(facts.seeds_suppressed)} of the seed addresses of this proof are suppressed, and get nothing.",
            "Name other seeds in the SenderProfile.",
        )
    for run in standing.others:
        count = facts.overlaps.get(run.run_id, 0)
        if run.repeat and facts.size and count >= REPEAT_SHARE * facts.size:
            held = resolved.campaign.spec.repeat_policy == "Hold"
            yield Violation(
                "warning",
                "LooksLikeRepeat",
                f"{run.campaign} sent the same message to {people(count)} of these within {REPEAT_DAYS} days."
                + (" It would start held, and wait for a person." if held else ""),
                "Change the message; or, if it is meant, write repeatPolicy: Allow." if held else "Is it meant?",
                count,
            )
    yield from _suspended(resolved)
    for told in standing.holds:
        yield Violation("warning", "Held", f"{told}.", "See: herold hold --list")
