"""From an intent to its run: what the ledger makes of it is asked at once; its audience is a task, which a Job does."""

from __future__ import annotations

from dataclasses import dataclass, field

from herold.errors import Refused
from herold.journal import Journal
from herold.ledger.tasks import TaskKind
from herold.resources.approving import Approved
from herold.resources.meta import Key
from herold_operator.campaigns import Seen
from herold_operator.deeds import ask, request_build
from herold_operator.foreman import Foreman
from herold_operator.job_trouble import Trouble
from herold_operator.judging import Verdict
from herold_operator.ledger import Ledger
from herold_operator.lookout import Lookout
from herold_operator.snapshot import RunView
from herold_operator.tasks import Refusal, TaskView, ask_again_at, build_refusal, refusal_of

BUILD: TaskKind = "Build"


@dataclass(slots=True)
class _Answer:
    """What the ledger said of a campaign's intent; it can be asked again."""

    refusal: Refusal | None = None
    asked: tuple[str, int, str] | None = None  # digest, run and its state for which it was asked
    frozen_changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attended:
    """`news`: the ledger was asked or told something, so that the campaign is to be looked at anew; `run` is fresher
    than the snapshot's. `waits`: for its turn."""

    news: bool = False
    run: RunView | None = None
    trouble: Trouble | None = None
    waits: bool = False


@dataclass(slots=True)
class Starts:
    """Campaigns by key."""

    ledger: Ledger
    lookout: Lookout
    foreman: Foreman
    journal: Journal
    _answers: dict[Key, _Answer] = field(default_factory=dict)

    def known(
        self, key: Key, verdict: Verdict, run: RunView | None, task: TaskView | None
    ) -> tuple[Refusal | None, tuple[str, ...]]:
        """The refusal that still holds, and the frozen fields that were edited."""
        answer = self._answers.setdefault(key, _Answer())
        refusal = answer.refusal
        if refusal is not None and (refusal.digest != verdict.digest or (run is not None and run.is_open)):
            refusal = answer.refusal = None
        if run is None or not run.is_open or run.intent_digest == verdict.digest:
            answer.frozen_changed = ()
        if refusal is None and run is None:
            refusal = refusal_of(task, verdict.digest)
        return refusal, answer.frozen_changed

    def forget(self, key: Key) -> None:
        """The campaign is gone."""
        self._answers.pop(key, None)
        self.foreman.forget(BUILD, key)

    async def attend(self, key: Key, seen: Seen) -> Attended:
        """Do what is missing for the run of a campaign."""
        if seen.task is not None and not seen.task.is_pending:
            self.foreman.done(seen.task)
        if seen.run is not None:
            self.foreman.forget(BUILD, key)
            return await self._ask(key, seen, seen.run)
        if seen.refusal is None and seen.misses_at is not None and seen.ledger.now > seen.misses_at:
            return await self._missed(key, seen)
        if not seen.starts_now or self._answers[key].refusal is not None:
            self.foreman.forget(BUILD, key)
            return await self._withdraw(seen)
        return await self._build(key, seen)

    async def _ask(self, key: Key, seen: Seen, run: RunView) -> Attended:
        """What the ledger makes of an edit."""
        resolved, answer = seen.verdict.resolved, self._answers[key]
        if resolved is None or seen.refusal is not None or seen.ledger.regressed is not None:
            return Attended()
        question = (seen.verdict.digest, run.id, f"{run.state}{run.stopped_at is not None}")
        if run.intent_digest == seen.verdict.digest or answer.asked == question:
            return Attended()
        answer.asked = question
        try:
            found = await self.ledger.call(lambda connection: ask(connection, resolved))
        except Refused as error:
            return self._refused(key, seen, error)
        if found is None:  # the run is gone: the next look tells
            return Attended()
        self.lookout.ours.add(found[1].id)
        answer.frozen_changed = found[0].frozen_changed
        return Attended(news=True, run=found[1])

    async def _missed(self, key: Key, seen: Seen) -> Attended:
        """Nobody approved it in time: the ledger says so, as of any start that comes too late."""
        await self._withdraw(seen)
        resolved = seen.verdict.resolved
        assert resolved is not None
        try:
            found = await self.ledger.call(lambda connection: ask(connection, resolved))
        except Refused as error:
            return self._refused(key, seen, error)
        return Attended(news=found is not None, run=found[1] if found is not None else None)

    async def _build(self, key: Key, seen: Seen) -> Attended:
        """Ask for the audience, and see that it is built."""
        resolved, task = seen.verdict.resolved, seen.task
        assert resolved is not None
        new = task is None or task.digest != seen.verdict.digest or _is_due_again(task, seen)
        if not new:
            self.foreman.forget(BUILD, key)
        if task is None or new:
            if not self.foreman.take_turn(BUILD, key, seen.starts_at or seen.ledger.now):
                return Attended(waits=True)
            try:
                asked = await self.ledger.call(lambda connection: request_build(connection, resolved, seen.approval))
                if isinstance(asked, RunView):
                    return Attended(news=True, run=asked)
                task = asked
                self.lookout.learn(task)
                if isinstance(seen.approval, Approved):
                    self.journal.write("info", "start_approved", campaign=resolved.name, approval=seen.approval.by)
            except Refused as error:
                return self._refused(key, seen, error)
            finally:
                self.foreman.forget(BUILD, key)
        if not task.is_pending:
            return Attended()
        trouble = await self.foreman.attend(task, resolved.sender, now=seen.ledger.now, new=new)
        return Attended(news=new, trouble=trouble)

    async def _withdraw(self, seen: Seen) -> Attended:
        """What is asked for is no longer wanted: the spec is wrong now, or means another time."""
        if seen.task is None or not seen.task.is_pending:
            return Attended()
        await self.foreman.withdraw(seen.namespace, seen.name, BUILD)
        return Attended(news=True)

    def _refused(self, key: Key, seen: Seen, error: Refused) -> Attended:
        message = error.message.removeprefix(f"{error.reason}: ")
        self._answers[key].refusal = build_refusal(
            error.reason, message, error.hint, digest=seen.verdict.digest, at=seen.ledger.now
        )
        self.journal.write("warning", "start_refused", campaign=f"{key[1]}/{key[2]}", reason=error.reason)
        return Attended(news=True)


def _is_due_again(task: TaskView, seen: Seen) -> bool:
    if task.is_pending:
        return False
    refusal = refusal_of(task, seen.verdict.digest)
    if refusal is None:  # it was taken back, or its run is gone
        return True
    again = ask_again_at(task, refusal)
    return again is not None and seen.ledger.now >= again
