"""The answers: each is JSON, made by the same code as the commands of `herold`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from herold.contacts.finding import find
from herold.errors import InvalidInput, Refused
from herold.explaining import explain
from herold.ledger.database import Connection, one
from herold.ledger.deliveries import deliveries
from herold.ledger.holds import hold_once
from herold.ledger.lookup import run_of
from herold.plain import plain
from herold.planning import as_html as plan_as_html
from herold.planning import as_json as plan_as_json
from herold.planning import as_markdown, as_text, make_plan
from herold.report import as_html as report_as_html
from herold.report import as_json as report_as_json
from herold.report import make_report
from herold.resources.resolved import PROOF
from herold.settings import Settings
from herold_operator.annotations import BY_ANNOTATION, HOLD_ANNOTATION, hold_reason
from herold_operator.api import KubernetesApi
from herold_operator.campaigns import ledger_name
from herold_operator.ledger import Ledger
from herold_reader.access import Caller
from herold_reader.asking import Asked, AskedDeliveries, AskedExplanation, AskedHold, AskedPlan, AskedReport
from herold_reader.audit import hashed, write_down, writing
from herold_reader.closure import fetch_campaign, judge
from herold_reader.protocol import Ask

Answer = dict[str, Any]
QUESTIONS: dict[Ask, type[Asked]] = {
    Ask.PLAN: AskedPlan,
    Ask.REPORT: AskedReport,
    Ask.EXPLAIN: AskedExplanation,
    Ask.DELIVERIES: AskedDeliveries,
    Ask.HOLD: AskedHold,
}
_PLANS = {"text": as_text, "json": plan_as_json, "markdown": as_markdown, "html": plan_as_html}
_REPORTS = {"json": report_as_json, "html": report_as_html}


@dataclass(frozen=True, slots=True)
class Desk:
    """Where answers are made. Brakes have connections of their own: no reading keeps them waiting."""

    api: KubernetesApi
    reading: Ledger
    braking: Ledger
    settings: Settings

    async def answer(self, caller: Caller, namespace: str, name: str, asked: Asked) -> Answer:
        """Raises HeroldError."""
        match asked:
            case AskedPlan():
                return await self._plan(namespace, name, asked)
            case AskedReport():
                return await self._report(namespace, name, asked)
            case AskedExplanation():
                return await self._explain(caller, namespace, name, asked)
            case AskedDeliveries():
                return await self._deliveries(caller, namespace, name, asked)
            case AskedHold():
                return await self._hold(caller, namespace, name)
        raise AssertionError(type(asked).__name__)

    async def _plan(self, namespace: str, name: str, asked: AskedPlan) -> Answer:
        verdict = await judge(self.api, self.settings.shared_namespace, namespace, name)
        resolved = verdict.resolved
        if resolved is None:
            raise InvalidInput(verdict.mistakes, what=f"campaign {namespace}/{name}, or in what it names")

        def make(connection: Connection) -> Answer:
            now = one(connection, "SELECT now()")[0]
            made = make_plan(connection, resolved, key=self.reading.key, now=now, sampled=asked.sample)
            return {"content": _PLANS[asked.format](made), "errors": len(made.errors)}

        return await self.reading.call(make)

    async def _report(self, namespace: str, name: str, asked: AskedReport) -> Answer:
        def make(connection: Connection) -> Answer:
            made = make_report(connection, _run(connection, namespace, name, asked.run))
            return {"content": _REPORTS[asked.format](made)}

        return await self.reading.call(make)

    async def _explain(self, caller: Caller, namespace: str, name: str, asked: AskedExplanation) -> Answer:
        person = hashed(asked.who, self.reading.key)
        await self._write_down(caller, Ask.EXPLAIN, f"{namespace}/{name}", {"run": asked.run, "person": person})

        def look(connection: Connection) -> Answer:
            run = _run(connection, namespace, name, asked.run)
            return explain(connection, run, find(connection, asked.who, key=self.reading.key)).to_json()

        return await self.reading.call(look)

    async def _deliveries(self, caller: Caller, namespace: str, name: str, asked: AskedDeliveries) -> Answer:
        detail = {"run": asked.run, "outcome": asked.outcome, "after": asked.after, "limit": asked.limit}
        await self._write_down(caller, Ask.DELIVERIES, f"{namespace}/{name}", detail)

        def look(connection: Connection) -> Answer:
            run = _run(connection, namespace, name, asked.run)
            found = list(deliveries(connection, run, state=asked.outcome, limit=asked.limit, after=asked.after))
            rows = [{key: value for key, value in plain(row).items() if key != "address"} for row in found]
            more = found[-1].position if len(found) == asked.limit else None
            return {"run": run, "deliveries": rows, "next": more}

        return await self.reading.call(look)

    async def _hold(self, caller: Caller, namespace: str, name: str) -> Answer:
        campaign = await fetch_campaign(self.api, namespace, name)
        annotation = (campaign["metadata"].get("annotations") or {}).get(HOLD_ANNOTATION)
        if annotation is None:
            raise Refused(
                "NotAnnotated",
                f"{namespace}/{name} has no annotation {HOLD_ANNOTATION}: without it the operator would release it",
                hint=f'kubectl campaign hold {name} -n {namespace} --reason "…"',
            )
        reason = hold_reason(annotation)
        target = f"{namespace}/{ledger_name(name, campaign.get('spec') or {})}"

        def hold(connection: Connection) -> Answer:
            with writing(connection):
                number = hold_once(connection, "Campaign", target, reason=reason, actor=BY_ANNOTATION)
                write_down(connection, caller, Ask.HOLD, target, {"hold": number})
            return {"hold": number, "reason": reason}

        return await self.braking.call(hold)

    async def _write_down(self, caller: Caller, ask: Ask, campaign: str, detail: dict[str, Any]) -> None:
        def write(connection: Connection) -> None:
            with writing(connection):
                write_down(connection, caller, ask, campaign, detail)

        await self.reading.call(write)


def _run(connection: Connection, namespace: str, name: str, run: int | None) -> int:
    return run_of(connection, namespace, (name, f"{name}{PROOF}"), run)
