"""Puts together what is known of a campaign: its object, what the ledger has of it, and what was found out before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from herold.resources.meta import Key
from herold.resources.resolved import ResolvedCampaign
from herold_operator.annotations import HOLD_ANNOTATION, STOP_ANNOTATION, stop_order
from herold_operator.approvals import Approvals
from herold_operator.campaigns import Seen, ledger_name, start_time
from herold_operator.judging import Verdict
from herold_operator.lookout import Lookout, campaign_of
from herold_operator.meter import Meter
from herold_operator.outlook import look_out
from herold_operator.preflights import PREFLIGHT
from herold_operator.settings import OperatorSettings
from herold_operator.snapshot import RunView, Snapshot
from herold_operator.starts import BUILD, Starts


@dataclass(frozen=True, slots=True)
class Witness:
    """Campaigns by key."""

    lookout: Lookout
    starts: Starts
    approvals: Approvals
    meter: Meter
    settings: OperatorSettings

    def see(
        self, key: Key, item: Mapping[str, Any], verdict: Verdict, snapshot: Snapshot, run: RunView | None = None
    ) -> Seen:
        """All of it at this moment. `run`: fresher than the snapshot's."""
        spec = item.get("spec") or {}
        name = ledger_name(key[2], spec)
        occurrence = spec.get("occurrence", 1)
        occurrence = occurrence if isinstance(occurrence, int) else 1
        run = run or snapshot.runs.get((key[1], name, occurrence))
        task = self.lookout.task((BUILD, key[1], name, occurrence))
        refusal, frozen_changed = self.starts.known(key, verdict, run, task)
        lead = timedelta(seconds=self.settings.freeze_lead)
        starts_at = start_time(verdict.resolved, lead) if verdict.resolved is not None else None
        # What was started stays started.
        approval, unapproved = self.approvals.judge(verdict.resolved if run is None else None, snapshot.ledger.now)
        preflight = self.lookout.task((PREFLIGHT, key[1], name, occurrence))
        annotations = item["metadata"].get("annotations") or {}
        return Seen(
            namespace=key[1],
            name=name,
            generation=item["metadata"]["generation"],
            occurrence=occurrence,
            suspend=spec.get("suspend") is True,
            hold=annotations.get(HOLD_ANNOTATION),
            stop=annotations.get(STOP_ANNOTATION),
            ordered=_ordered(key, annotations.get(STOP_ANNOTATION), snapshot, run),
            verdict=verdict,
            run=run,
            task=task,
            holds=snapshot.holds_on(key[1], name, run.sender if run else _sender_of(verdict.resolved)),
            ledger=snapshot.ledger,
            refusal=refusal,
            frozen_changed=frozen_changed,
            starts_at=starts_at,
            status=item.get("status") or {},
            approval=approval,
            unapproved=unapproved,
            unmanned=self.settings.senders_namespace if run is not None and run.id in self.meter.unmanned else None,
            outlook=look_out(verdict, run, preflight, snapshot.ledger, self.settings, starts_at),
            preflight=preflight,
        )


def _ordered(key: Key, annotation: str | None, snapshot: Snapshot, fresher: RunView | None) -> RunView | None:
    """The run of this campaign that the annotation wants stopped."""
    order = stop_order(annotation) if annotation is not None else None
    if order is None:
        return None
    run = fresher if fresher is not None and fresher.id == order[0] else snapshot.by_id.get(order[0])
    return run if run is not None and campaign_of(run) == key else None


def _sender_of(resolved: ResolvedCampaign | None) -> str | None:
    if resolved is None:
        return None
    return f"{resolved.sender.metadata.namespace}/{resolved.sender.metadata.name}"
