"""Sees that a campaign gets its pre-flights: asked for in the ledger, done by Jobs. No start waits for one."""

from __future__ import annotations

from dataclasses import dataclass

from herold.ledger.tasks import TaskKind
from herold.resources.meta import Key
from herold_operator.campaigns import Seen
from herold_operator.deeds import request_preflight
from herold_operator.foreman import Foreman
from herold_operator.ledger import Ledger
from herold_operator.lookout import Lookout
from herold_operator.starts import Attended

PREFLIGHT: TaskKind = "Preflight"


@dataclass(slots=True)
class Preflights:
    """Campaigns by key; it remembers nothing."""

    ledger: Ledger
    lookout: Lookout
    foreman: Foreman

    async def attend(self, key: Key, seen: Seen) -> Attended:
        """Ask where it is due, and see that it is looked. Raises HeroldError."""
        outlook, resolved = seen.outlook, seen.verdict.resolved
        if seen.preflight is not None and not seen.preflight.is_pending:
            self.foreman.done(seen.preflight)
        if not outlook.is_due:
            self.foreman.forget(PREFLIGHT, key)
        if not outlook.digest or resolved is None:
            if seen.preflight is None or not seen.preflight.is_pending:
                return Attended()
            await self.foreman.withdraw(seen.namespace, seen.name, PREFLIGHT)
            return Attended(news=True)
        task = outlook.task
        if outlook.is_due:
            if not self.foreman.take_turn(PREFLIGHT, key, seen.starts_at or seen.ledger.now):
                return Attended(waits=True)
            try:
                digest = outlook.digest
                task = await self.ledger.call(lambda connection: request_preflight(connection, resolved, digest))
                self.lookout.learn(task)
            finally:
                self.foreman.forget(PREFLIGHT, key)
        if task is None or not task.is_pending:
            return Attended()
        trouble = await self.foreman.attend(task, resolved.sender, now=seen.ledger.now, new=outlook.is_due)
        return Attended(news=outlook.is_due, trouble=trouble)

    def forget(self, key: Key) -> None:
        """The campaign is gone."""
        self.foreman.forget(PREFLIGHT, key)
