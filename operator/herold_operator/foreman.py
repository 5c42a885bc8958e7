"""Sees that each task has its Job, made once; that not too many are at work; and what stands in the way of one."""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from herold.errors import HeroldError, NotFound, Temporary
from herold.journal import Journal
from herold.ledger.tasks import TaskKind
from herold.resources.meta import Key
from herold.resources.sender import SenderProfile
from herold_operator.api import FIELD_MANAGER, Conflict, KubernetesApi
from herold_operator.deeds import withdraw
from herold_operator.job_trouble import Trouble, not_made, read_trouble
from herold_operator.jobs import build_audience_job, build_preflight_job, job_name
from herold_operator.lookout import Lookout
from herold_operator.pods import Platform
from herold_operator.settings import OperatorSettings
from herold_operator.snapshot import Snapshot
from herold_operator.tasks import TaskKey, TaskView, look_at, look_seconds, overdue_at


@dataclass(slots=True)
class _Job:
    """`made`: it is known to be there; `looked_at` (monotonic): for which `trouble` was read."""

    turn: int
    made: bool = False
    looked_at: float | None = None
    trouble: Trouble | None = None


@dataclass(slots=True)
class Foreman:
    """Everything that it remembers can be found out anew."""

    api: KubernetesApi
    lookout: Lookout
    platform: Platform
    settings: OperatorSettings
    journal: Journal
    _jobs: dict[TaskKey, _Job] = field(default_factory=dict)
    _queues: dict[str, dict[Key, datetime]] = field(default_factory=dict)
    _called: dict[str, set[Key]] = field(default_factory=dict)

    # Turns ------------------------------------------------------------------------------------------------------------

    def take_turn(self, kind: str, key: Key, at: datetime) -> bool:
        """Whether one more may be asked for; `forget` must follow. Else it waits: who is due first comes first."""
        called = self._called.setdefault(kind, set())
        if key in called or self._room(kind) > 0:
            called.add(key)
            return True
        self._queues.setdefault(kind, {})[key] = at
        return False

    def next_turns(self) -> list[Key]:
        """Campaigns for which there is room now."""
        found = []
        for kind, queue in self._queues.items():
            for key in heapq.nsmallest(self._room(kind), queue, key=queue.__getitem__):
                del queue[key]
                self._called[kind].add(key)
                found.append(key)
        return found

    def forget(self, kind: str, key: Key) -> None:
        """It neither waits for its turn nor has it any more: it was asked for, or nothing is wanted."""
        self._queues.get(kind, {}).pop(key, None)
        self._called.get(kind, set()).discard(key)

    def _room(self, kind: str) -> int:
        """What is overdue takes no room: it would keep all others from their work."""
        if self.lookout.snapshot is None:
            return 0
        now = self.lookout.snapshot.ledger.now
        pending = (each for each in self.lookout.tasks() if each.kind == kind and each.is_pending)
        taken = sum(overdue_at(each, self.settings) > now for each in pending) + len(self._called.get(kind, ()))
        return max(0, self.settings.tasks_at_once - taken)

    # Jobs -------------------------------------------------------------------------------------------------------------

    async def attend(self, task: TaskView, sender: SenderProfile, *, now: datetime, new: bool) -> Trouble | None:
        """See that an unfinished task has its Job; what is the matter with one that is overdue. `sender`: of its
        campaign; `new`: nobody can have made it yet."""
        job = self._jobs.get(task.key)
        if job is None or job.turn != task.turn:
            job = self._jobs[task.key] = _Job(task.turn)
        if new:
            await self._make(task, job, sender)
        elif not job.made or now >= look_at(task, self.settings):
            if job.looked_at is None or time.monotonic() - job.looked_at >= look_seconds(self.settings):
                await self._look(task, job, sender, now)
        else:
            job.trouble = None
        return job.trouble

    async def withdraw(self, namespace: str, name: str, *kinds: TaskKind) -> Snapshot:
        """Take back what has not been finished; `name` as the ledger has it. How the ledger is then."""
        await self.lookout.ledger.call(lambda connection: withdraw(connection, namespace, name, *kinds))
        self.journal.write("info", "task_withdrawn", campaign=f"{namespace}/{name}")
        return await self.lookout.look()

    def done(self, task: TaskView) -> None:
        """It is finished, or taken back."""
        self._jobs.pop(task.key, None)

    @property
    def _path(self) -> str:
        return f"/apis/batch/v1/namespaces/{self.platform.namespace}/jobs"

    async def _make(self, task: TaskView, job: _Job, sender: SenderProfile) -> None:
        name = job_name(task)
        if task.kind == "Build":
            manifest = build_audience_job(task, self.platform, self.settings)
        else:
            manifest = build_preflight_job(task, sender, self.platform, self.settings)
        campaign = f"{task.namespace}/{task.name}"
        try:
            await self.api.request("POST", self._path, manifest, query={"fieldManager": FIELD_MANAGER})
        except Conflict:
            pass  # it is there: another replica made it, or this one before it was killed
        except Temporary:
            raise
        except HeroldError as error:
            job.trouble, job.looked_at = not_made(task.kind, name, error.message), time.monotonic()
            self.journal.write("warning", "job_refused", campaign=campaign, task=task.id, message=error.message[:500])
            return
        job.made, job.trouble = True, None
        self.journal.write("info", "job_made", campaign=campaign, task=task.id, job=name)

    async def _look(self, task: TaskView, job: _Job, sender: SenderProfile, now: datetime) -> None:
        name = job_name(task)
        try:
            found: dict[str, Any] = await self.api.request("GET", f"{self._path}/{name}")
        except NotFound:
            await self._make(task, job, sender)
            return
        job.made, job.looked_at, job.trouble = True, time.monotonic(), None
        if now >= overdue_at(task, self.settings):
            pods = await self.api.list(
                f"/api/v1/namespaces/{self.platform.namespace}/pods", f"batch.kubernetes.io/job-name={name}"
            )
            job.trouble = read_trouble(task, found, pods)
