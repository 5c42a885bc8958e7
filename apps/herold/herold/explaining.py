"""What the ledger knows about one person and one run, as plain sentences. No addresses, no names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from herold.audience.reasons import Reason
from herold.ledger.counts import RunStatus, run_status
from herold.ledger.database import Connection, one
from herold.ledger.deliveries import Attempt, Frozen, NotFrozen, Waiting, frozen_delivery, not_frozen
from herold.plain import plain
from herold.words import instant, legible, span

# Why something was settled without being sent: reasons that the ledger itself writes.
_SETTLED = {
    "Erased": "the person was erased, or their address was removed, after the audience had been frozen",
    "AddressChanged": "the person's address changed after the audience had been frozen",
    "Suppressed": "the address was suppressed after the audience had been frozen",
    "ConsentWithdrawn": "the person withdrew their consent after the audience had been frozen",
    "Stopped": "the run was stopped before their turn came",
    "StartMissed": "the run did not start before its starting deadline",
    "Expired": "their message expired before it could go out",
    "NotReachedInTime": "it became certain, after the run was over, that the message had not gone out",
}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one person did or did not get a run's message: as rows say it, and in words."""

    run: RunStatus
    story: Frozen | NotFrozen
    sentences: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """`delivery` for one of the frozen audience, `audience` for anybody else."""
        kind = "delivery" if isinstance(self.story, Frozen) else "audience"
        return {
            "campaign": f"{self.run.namespace}/{self.run.name}",
            "run": self.run.run_id,
            "contactId": self.story.contact_id,
            kind: plain(self.story),
            "sentences": list(self.sentences),
        }


def explain(connection: Connection, run_id: int, contact_id: int) -> Explanation:
    """Look it up. Run and contact must be there."""
    run = run_status(connection, [run_id])[0]
    story = frozen_delivery(connection, run_id, contact_id) or not_frozen(connection, run_id, contact_id)
    return Explanation(run, story, tuple(sentences(run, story, one(connection, "SELECT now()")[0])))


def sentences(run: RunStatus, story: Frozen | NotFrozen, now: datetime) -> list[str]:
    """In the order in which it happened; `now` is the ledger's clock."""
    name = f"{run.namespace}/{run.name} (run {run.run_id})"
    told = _frozen(run, story, now, name) if isinstance(story, Frozen) else _left_out(run, story, name)
    return [legible(sentence) for sentence in told]


def _frozen(run: RunStatus, story: Frozen, now: datetime, name: str) -> Iterator[str]:
    zone = f", time zone {story.zone}" if story.zone else ""
    yield (
        f"Contact {story.contact_id} was in the audience of {name} when it froze at {instant(run.created_at)}: "
        f"position {story.position}, lane {story.lane}{zone}."
    )
    for attempt in story.attempts:
        yield from _attempt(attempt)
    if story.waiting is not None:
        yield from _wait(run, story, story.waiting, now)


def _attempt(attempt: Attempt) -> Iterator[str]:
    number, when, answer = f"Attempt {attempt.attempt}", instant(attempt.at), _answer(attempt)
    reason = (attempt.detail or "").partition(":")[0]
    match attempt.kind:
        case "sent":
            yield f"{number}: the relay accepted the message at {when}{answer}."
        case "failed" if reason == "TooManyAttempts":
            yield f"{number}: put off once more at {when}{answer}; it was the last attempt, so it failed."
        case "failed":
            yield f"{number}: it failed for good at {when}{answer}."
        case "deferred" if reason == "UncertainSentAgain":
            yield (
                f"{number}: at {when} the connection or the worker was lost when the message may have "
                "been accepted already; a transactional message is sent again, with the same Message-ID."
            )
        case "deferred":
            yield f"{number}: the server put it off at {when}{answer}."
        case "uncertain":
            yield (
                f"{number}: uncertain since {when}{answer}. The message was on its way when the "
                "connection or the worker was lost: the relay may or may not have accepted it."
            )
            yield (
                "It is not sent again, because then the person might get it twice; a late answer or a bounce may still "
                "settle it."
            )
        case kind:
            why = _SETTLED.get(reason, attempt.detail or "no reason is recorded")
            yield f"It was not sent ({kind}, {when}): {why}."


def _answer(attempt: Attempt) -> str:
    code = " ".join(str(part) for part in (attempt.code, attempt.enhanced) if part)
    text = (attempt.detail or "").strip()
    if text in ("UncertainSentAgain",):
        text = ""
    if not code and not text:
        return ""
    return f" ({': '.join(part for part in (code, text) if part)})"


def _wait(run: RunStatus, story: Frozen, waiting: Waiting, now: datetime) -> Iterator[str]:
    if waiting.in_hand_since is not None:
        since = instant(waiting.in_hand_since)
        yield f"A worker has the message in hand since {since}; its outcome is not recorded yet."
        return
    brakes = list(_brakes(run, waiting))
    if story.attempts or waiting.retry_at is not None:
        if waiting.retry_at is not None and waiting.retry_at > now:
            yield f"It will be tried again at {instant(waiting.retry_at)}, in {span(waiting.retry_at - now)}."
        else:
            yield "Its next attempt is due."
    elif waiting.due_at is not None and waiting.due_at > now:
        yield f"It was not tried yet: it is not due before {instant(waiting.due_at)}, in {span(waiting.due_at - now)}."
    elif not brakes:
        yield "It was not tried yet: it is due and waits for its turn."
    else:
        yield "It was not tried yet."
    yield from brakes
    if waiting.expires_at is not None:
        yield f"What has not gone out by {instant(waiting.expires_at)} is skipped."


def _brakes(run: RunStatus, waiting: Waiting) -> Iterator[str]:
    """All that keeps it from going out now."""
    if waiting.regressed:
        yield f"Nothing is sent at all: the ledger went backwards ({waiting.regressed}); see: herold ledger check."
    for reason in run.holds:
        yield f"The run is held ({reason})."
    if waiting.held_domain:
        yield f"Its domain is held ({waiting.held_domain})."
    if run.suspended:
        yield "The run is suspended."
    if run.stopped_at is not None:
        yield f"The run was stopped at {instant(run.stopped_at)}; what waits is being settled."
    if waiting.quiet_until is not None:
        yield f"It is quiet hours for this person until {instant(waiting.quiet_until)}."
    if waiting.lane_paused_until is not None:
        why = f": {waiting.pause_reason}" if waiting.pause_reason else ""
        yield f"The lane is paused until {instant(waiting.lane_paused_until)}, for a fault of the route{why}."
    if waiting.warm_up_left == 0:
        yield "The sender is warming up and has sent all that it may today (UTC)."
    if not waiting.workers:
        yield "No worker is running."
    elif run.waiting > waiting.per_second * 60:
        left = span(run.waiting / waiting.per_second)
        rate = f"{waiting.per_second:g} a second"
        yield f"{run.waiting:,} messages of the run wait, and its lane sends {rate}: about {left}."


def _left_out(run: RunStatus, story: NotFrozen, name: str) -> Iterator[str]:
    yield f"Contact {story.contact_id} was not in the audience of {name} when it froze at {instant(run.created_at)}."
    if story.erased_at is not None:
        yield f"The person was erased at {instant(story.erased_at)}; why they were left out is not known any more."
        return
    if story.seed:
        yield "It is a seed address, an inbox of the team, which is in no audience."
        return
    if run.name.endswith("~proof"):
        yield "A proof goes to the sender's seed addresses only."
        return
    if story.same_address is not None:
        yield f"Contact {story.same_address} has the same address and got the message there."
        return
    if story.created_at > run.created_at:
        yield f"The ledger knows the person since {instant(story.created_at)} only, which was after that."
    if not story.matches:
        yield "As their data are today, they are in none of the segments that the campaign addresses."
    elif story.verdict is None:
        yield "As their data are today, they would get it: their data changed after the audience had been frozen."
    else:
        yield f"As their data are today: {story.verdict}. {Reason(story.verdict).sentence}"
