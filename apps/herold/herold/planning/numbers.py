"""The plans of a branch: with the numbers of a ledger for the environment that it belongs to, else from files alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from herold.ledger.counts import run_status
from herold.ledger.database import Connection
from herold.planning.branch import CampaignChange
from herold.planning.draft import make_draft
from herold.planning.make import make_plan
from herold.planning.privacy import told
from herold.planning.telling import Told, tell_draft, tell_plan

MOST_COUNTED = 50  # campaigns; each takes a look at 20,000 people


class Numbers:
    """`connection` reads the ledger of `environment`; without it nobody is counted. `base` names what is compared."""

    def __init__(self, connection: Connection | None, environment: str, *, base: str, now: datetime) -> None:
        self._connection, self._environment = connection, environment
        self._base, self.now = base, now
        self._left = MOST_COUNTED

    @property
    def counted(self) -> tuple[str, ...]:
        """Environments whose people are counted."""
        return (self._environment,) if self._connection is not None else ()

    def plan(self, change: CampaignChange) -> Told | None:
        """What may be told of the campaign as it becomes; None where it can't be planned."""
        if change.after is None:
            return None
        live = change.after.campaign.spec.mode == "Live"
        if self._connection is None or change.environment != self._environment or not live or not self._left:
            draft = make_draft(change.after, now=self.now, against=change.before, revision=self._base)
            return tell_draft(draft)
        self._left -= 1
        plan = make_plan(
            self._connection,
            change.after,
            key=b"",  # no address is looked up: the plan of a Live campaign needs none
            now=self.now,
            against=change.before,
            revision=self._base,
            sampled=True,
        )
        return tell_plan(plan)

    def open_runs(self, changes: Sequence[CampaignChange]) -> dict[tuple[str, str], str]:
        """How the runs stand that deletions would pause."""
        names = [each.name for each in changes if each.what == "Deleted" and each.environment == self._environment]
        if self._connection is None or not names:
            return {}
        rows = self._connection.execute(
            "SELECT id FROM run WHERE state = 'Open' AND stopped_at IS NULL AND namespace || '/' || name = ANY (%s)",
            (names,),
        ).fetchall()
        if not rows:
            return {}
        return {
            (self._environment, f"{run.namespace}/{run.name}"): (
                f"run {run.run_id} is {run.summary.lower()}, {told(run.sent)} of {told(run.planned)} sent"
            )
            for run in run_status(self._connection, [row[0] for row in rows], limit=len(rows))
        }
