"""Writes down what teams are to be told, before a status says that it happened; posting it is the courier's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from herold.ledger.notices import Facts as Kept
from herold.ledger.notices import Notice, put_notices, read_told
from herold.resources.resolved import PROOF
from herold_operator.api import Conflict
from herold_operator.brakes import VANISHED
from herold_operator.campaigns import Seen
from herold_operator.ledger import Ledger
from herold_operator.notice_body import About, build_findings
from herold_operator.notices import Facts, baseline, facts_of, plan_absence_notice, plan_notices
from herold_operator.receivers import Receivers
from herold_operator.snapshot import HoldView, RunView, Snapshot

_Place = tuple[str, str]


@dataclass(slots=True)
class Notifier:
    """Where nobody is to be told, it does and costs nothing. `wake` has the courier look. It remembers what has been
    told: the ledger is asked once, and written to where something is news."""

    ledger: Ledger
    receivers: Receivers
    environment: str
    wake: Callable[[], None]
    _told: dict[_Place, Kept] | None = None

    async def attend(self, item: Mapping[str, Any], seen: Seen, status: Mapping[str, Any]) -> None:
        """A campaign whose status is to be `status`. Raises HeroldError: nothing of it may be said then."""
        place = item["metadata"]["namespace"], item["metadata"]["name"]
        if not self.receivers.is_wanted(place[0]):
            return
        about = About(
            system=seen.ledger.system,
            environment=self.environment,
            namespace=place[0],
            name=place[1],
            uid=item["metadata"]["uid"],
            mode=_mode(seen.name),
            generation=seen.generation,
            occurrence=seen.occurrence,
            digest=seen.verdict.digest,
            run=seen.run,
            findings=build_findings(seen.outlook.findings),
            at=seen.ledger.now,
        )
        kept = (await self._known()).get(place)
        now = facts_of(status)
        told = Facts.from_json(kept) if kept is not None else baseline(item.get("status") or {}, now, about)
        await self._put(place, kept, *plan_notices(told, now, about))

    async def attend_gone(self, run: RunView, holds: tuple[HoldView, ...], snapshot: Snapshot) -> None:
        """A run whose campaign is gone, and what holds it for that. Raises HeroldError."""
        place = run.namespace, run.name.removesuffix(PROOF)
        if not holds or not self.receivers.is_wanted(place[0]):
            return
        reason = "MassDeletion" if any(each.reason == VANISHED for each in holds) else "Orphaned"
        about = About(
            system=snapshot.ledger.system,
            environment=self.environment,
            namespace=place[0],
            name=place[1],
            uid="",
            mode=_mode(run.name),
            generation=0,
            occurrence=run.occurrence,
            digest=run.intent_digest,
            run=run,
            findings=None,
            at=snapshot.ledger.now,
        )
        kept = (await self._known()).get(place)
        told = Facts.from_json(kept) if kept is not None else Facts(run=run.id, started=run.started_at is not None)
        await self._put(place, kept, *plan_absence_notice(told, about, reason))

    def forget(self) -> None:
        """The ledger is to be asked anew what has been told."""
        self._told = None

    async def _known(self) -> dict[_Place, Kept]:
        if self._told is None:
            self._told = await self.ledger.call(read_told)
        return self._told

    async def _put(self, place: _Place, kept: Kept | None, notices: list[Notice], after: Facts) -> None:
        if not notices:
            return
        facts = after.to_json()
        if not await self.ledger.call(lambda connection: put_notices(connection, *place, kept, facts, notices)):
            self.forget()
            raise Conflict(f"somebody else told of {place[0]}/{place[1]} meanwhile")
        if self._told is not None:
            self._told[place] = facts
        self.wake()


def _mode(name: str) -> str:
    """Of a campaign as the ledger names it."""
    return "Proof" if name.endswith(PROOF) else "Live"
