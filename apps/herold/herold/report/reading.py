"""Reading a report from the ledger: one read-only transaction, one scan of the outcomes and one of the deliveries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib import resources
from typing import Any

from psycopg.rows import dict_row

from herold.audience.reasons import Reason
from herold.errors import NotFound
from herold.ledger.counts import run_status
from herold.ledger.database import Connection
from herold.report.meaning import deed, meaning
from herold.report.rate import ticks
from herold.report.report import LISTED, Deed, Group, LeftOut, Mark, Outcomes, Possibly, Report, Said

_TOP = 20
_OTHER_REASONS = 40
_AFTER = timedelta(seconds=5)  # a run closes a moment after its last message


def make_report(connection: Connection, run_id: int) -> Report:
    """What the run came to, or has come to so far. Raises NotFound.

    Reads a single state of the ledger; a million deliveries take some seconds.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        row = next(iter(_rows(connection, "run", {"run": run_id})), None)
        if row is None:
            raise NotFound(f"there is no run {run_id}", hint="see: herold status")
        summary = run_status(connection, [run_id])[0].summary
        rows = _count_rows(_rows(connection, "outcomes", {"run": run_id}))
        domains, locales = _groups(_rows(connection, "people", {"run": run_id}))
        until = max([row["closed_at"] or row["made_at"], *rows.seconds]) + _AFTER
        about = {
            "run": run_id,
            "campaign": row["campaign"],
            "namespace": row["namespace"],
            "sender": row["sender"],
            "occurrence": row["occurrence"],
            "since": row["created_at"],
            "until": until,
        }
        deeds = tuple(
            Deed(each["at"], each["actor"], deed(each["action"]), each["reason"] or "")
            for each in _rows(connection, "deeds", about)
        )
        takeovers = connection.execute(_sql("takeovers"), about).fetchall()
        possibly = tuple(
            Possibly(contact, at, meaning("uncertain", None, None, why.partition(":")[0]))
            for contact, at, why in connection.execute(_sql("possibly"), {"run": run_id, "limit": LISTED})
        )
    step, rate = ticks(rows.seconds)
    outcomes = sum((each.outcomes for each in locales), Outcomes())
    said = tuple(sorted(rows.said, key=lambda each: (-each.count, each.kind, each.code or 0)))
    greatest = sorted(domains, key=lambda each: (-each.outcomes.people, each.name or ""))
    return Report(
        run_id=run_id,
        campaign=row["campaign"],
        occurrence=row["occurrence"],
        summary=summary,
        closed=row["closed_at"] is not None,
        mode=row["mode"] or "Live",
        message_class=row["message_class"] or "",
        owner=row["owner"] or "",
        topic=row["topic"] or "",
        sender=row["sender"],
        from_=f"{row['from_name']} <{row['from_address']}>".strip(),
        time_zone=row["time_zone"] or "UTC",
        intent_digest=row["intent_digest"],
        content_digest=row["content_digest"],
        installation=row["installation"],
        environment=row["environment"],
        made_at=row["made_at"],
        created_at=row["created_at"],
        first_due_at=row["first_due_at"],
        started_at=row["started_at"],
        closed_at=row["closed_at"],
        planned=row["planned"],
        left_out=_left_out(row["left_out"]),
        outcomes=outcomes,
        deferrals=rows.deferrals,
        tries=tuple(rows.tries.get(number, 0) for number in range(1, max(rows.tries, default=0) + 1)),
        said=said,
        domains=tuple(greatest[:_TOP]),
        other_domains=len(greatest[_TOP:]),
        others=sum((each.outcomes for each in greatest[_TOP:]), Outcomes()),
        locales=tuple(sorted(locales, key=lambda each: (-each.outcomes.people, each.name or ""))),
        step=step,
        rate=rate,
        marks=_marks(takeovers, deeds, row["started_at"]),
        deeds=deeds,
        possibly=possibly,
        list_command=f"herold deliveries --run {run_id} --outcome uncertain",
        balanced=_balanced(row, outcomes, rows),
    )


@dataclass(slots=True)
class _Counted:
    said: list[Said]
    tries: Counter[int]
    seconds: dict[datetime, tuple[int, int]]
    kinds: Counter[str]

    @property
    def deferrals(self) -> int:
        return self.kinds["deferred"]


def _count_rows(rows: list[dict[str, Any]]) -> _Counted:
    found = _Counted([], Counter(), {}, Counter())
    for row in rows:
        kind, count = row["kind"], row["people"]
        if row["tried"]:
            found.kinds[kind] += count
            if kind == "sent":
                found.tries[row["attempt"]] += count
        elif row["said"]:
            if kind != "sent" or row["reason"] is not None:
                words = meaning(kind, row["code"], row["enhanced"], row["reason"])
                example = (row["example"] or "").removeprefix("TooManyAttempts:").strip()
                example = "" if example == (row["reason"] or "") else example
                found.said.append(Said(kind, row["code"], row["enhanced"], row["reason"], words, example, count))
        elif kind in ("sent", "failed", "deferred"):
            sent, refused = found.seconds.get(row["second"], (0, 0))
            if kind == "sent":
                sent += count
            else:
                refused += count
            found.seconds[row["second"]] = (sent, refused)
    found.said.sort(key=lambda each: -each.count)
    found.said = found.said[:_OTHER_REASONS] + _rest(found.said[_OTHER_REASONS:])
    return found


def _rest(many: list[Said]) -> list[Said]:
    """What is too rare to be shown one by one, by kind: nothing of it is lost from the sums."""
    counts: Counter[str] = Counter()
    for each in many:
        counts[each.kind] += each.count
    return [Said(kind, None, None, None, "Other answers.", "", count) for kind, count in counts.items()]


def _groups(rows: list[dict[str, Any]]) -> tuple[list[Group], list[Group]]:
    domains: dict[str | None, Outcomes] = {}
    locales: dict[str | None, Outcomes] = {}
    for row in rows:
        where, name = (domains, row["domain"]) if row["by_domain"] else (locales, row["locale"])
        where[name] = replace(where.get(name, Outcomes()), **{row["kind"] or "waiting": row["people"]})
    return [Group(*each) for each in domains.items()], [Group(*each) for each in locales.items()]


def _left_out(counts: Mapping[str, int]) -> tuple[LeftOut, ...]:
    order = list(Reason)
    known = {reason.value: reason for reason in order}
    found = [
        LeftOut(name, known[name].sentence if name in known else "The ledger gives no further reason.", people)
        for name, people in counts.items()
        if people
    ]
    return tuple(sorted(found, key=lambda each: (-each.people, each.reason)))


def _marks(takeovers: list[tuple[Any, ...]], deeds: tuple[Deed, ...], started: datetime | None) -> tuple[Mark, ...]:
    if started is None:
        return ()
    marks = [Mark(at, f"Worker {pid} died, another one took over its work") for at, pid in takeovers if at >= started]
    marks += [Mark(each.at, f"{each.actor} {each.action}") for each in deeds if each.at >= started]
    return tuple(sorted(marks, key=lambda each: each.at))


def _balanced(row: dict[str, Any], outcomes: Outcomes, rows: _Counted) -> bool:
    """The same three times: from the deliveries, from the outcomes, and as the run's own counts say."""
    counts = {name: row[name] for name in ("sent", "failed", "suppressed", "skipped", "uncertain")}
    return (
        outcomes.people == row["planned"]
        and (not row["closed_at"] or outcomes.waiting == 0)
        and all(getattr(outcomes, name) == count == rows.kinds[name] for name, count in counts.items())
        and rows.deferrals == row["deferrals"]
    )


def _rows(connection: Connection, name: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(_sql(name), parameters).fetchall()


def _sql(name: str) -> bytes:
    return (resources.files("herold.report") / "sql" / f"{name}.sql").read_bytes()
