"""The one statement that says who gets a campaign, and why others do not: counted by the plan, frozen by the start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import TupleRow

from herold.audience.allowlist import allowed_sql
from herold.audience.parameters import Parameters
from herold.audience.reasons import Reason
from herold.audience.segments import SegmentSql, subject_sql
from herold.resources.resolved import ResolvedCampaign

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT without a final semicolon, and the values of its named placeholders (psycopg's `%(name)s`).

    Rows: contact_id bigint, address_hash bytea, domain text, locale text, time_zone text, lane smallint (0: the
    sender's own, i: its lane number i), verdict text (null: gets it, else a Reason). No order is promised.
    """

    sql: str
    parameters: dict[str, object]


# For everybody. Each table has an index in the order of people, so all is merged in that order: memory stays the same
# however many there are, but for the one sort that finds shared addresses. Hashes take half as long again; nested
# loops, chosen because joins of many conditions are estimated far too low, minutes.
_MANY = {"work_mem": "256MB", "enable_nestloop": "off", "enable_hashjoin": "off"}
# For a sample, a look into each index for each person.
_FEW = {"enable_nestloop": "on", "enable_hashjoin": "on"}
# Parallel workers would each count all events again, and a ledger that sends meanwhile wants its cores.
_ALWAYS = {"jit": "off", "max_parallel_workers_per_gather": "0"}


def tune(connection: Connection) -> None:
    """The same for the rest of the transaction, where nothing else follows that wants other plans."""
    _set(connection, {**_MANY, **_ALWAYS})


@contextmanager
def tuned(connection: Connection, *, few: bool = False) -> Iterator[None]:
    """A transaction (or part of one) in which the statement runs in one pass over each table."""
    settings = {**(_FEW if few else _MANY), **_ALWAYS}
    with connection.transaction():
        _set(connection, settings)
        yield
        # Whatever else the transaction does is not our business.
        connection.execute("; ".join(f"SET LOCAL {name} TO DEFAULT" for name in settings).encode())


def _set(connection: Connection, settings: dict[str, str]) -> None:
    connection.execute("; ".join(f"SET LOCAL {name} = '{value}'" for name, value in settings.items()).encode())


def audience_statement(
    resolved: ResolvedCampaign, *, now: datetime | None = None, prefix: str = "", sample: str | None = None
) -> Statement:
    """The audience of a campaign, whatever its `mode` is. Refused when it has too many conditions.

    `now` is the instant that durations count from (the statement's own without it); `prefix` of parameters keeps two
    statements apart in one query; `sample` names a relation with a column `contact_id`, and looks at those people only.
    Tables are found by the connection's search_path.
    """
    parameters = Parameters(prefix)
    spec, sender = resolved.campaign.spec, resolved.sender.spec
    clock = "now()" if now is None else parameters.add(now, "timestamptz")
    segments = SegmentSql(resolved, parameters, now=clock, few=sample is not None)
    included = segments.any_of(spec.audience.segment_refs)
    excluded = segments.any_of(spec.audience.exclude_refs)

    channel = parameters.add(spec.message.channel, "text")
    judgements = [
        (Reason.EXCLUDED, excluded),
        (Reason.NO_ADDRESS, "e.contact_id IS NULL"),
        (Reason.OUTSIDE_ALLOW_LIST, f"{allowed_sql('e.address', 'e.domain', sender.allow, parameters)} IS NOT TRUE"),
        (Reason.SUPPRESSED, "s.address_hash IS NOT NULL"),
    ]
    joins = [each.join for each in segments.sets]
    joins.append(f"LEFT JOIN endpoint e ON e.contact_id = c.id AND e.channel = {channel}")
    joins.append("LEFT JOIN suppression s ON s.address_hash = e.address_hash")
    if spec.message_class == "Marketing":
        subject = subject_sql(sender.brand, spec.message.topic, spec.message.channel, parameters)
        joins.append(f"LEFT JOIN consent_current k ON k.contact_id = c.id AND k.subject = {subject}")
        judgements.append((Reason.NO_CONSENT, "k.granted IS NOT TRUE"))
    lane = "0::smallint"
    if sender.limits.lanes:
        numbers = {domain: index for index, rule in enumerate(sender.limits.lanes, start=1) for domain in rule.domains}
        # Looked up and not joined: there is no order of domains in which a join could be merged.
        lane = f"coalesce(({parameters.add(json.dumps(numbers), 'jsonb')} ->> e.domain)::smallint, 0::smallint)"
    people = "contact c" if sample is None else f"{sample} AS chosen JOIN contact c ON c.id = chosen.contact_id"
    cases = "\n           ".join(f"WHEN {test} THEN '{reason}'" for reason, test in judgements)
    lines = "\n    ".join(joins)
    # One mail for one address: it goes to the lowest id among those who would get it. The hash comes first because its
    # first bytes tell most rows apart: sorts are faster by it than by a verdict that most share.
    sql = f"""SELECT contact_id, address_hash, domain, locale, time_zone, lane, coalesce(verdict, CASE WHEN
       row_number() OVER (PARTITION BY address_hash, verdict ORDER BY contact_id) > 1
       THEN '{Reason.DUPLICATE_ADDRESS}' END) AS verdict
FROM (
    SELECT c.id AS contact_id, e.address_hash, e.domain, c.locale, c.time_zone, {lane} AS lane,
           CASE {cases} END AS verdict
    FROM {people}
    {lines}
    WHERE NOT c.seed AND c.erased_at IS NULL AND ({included})
) AS judged"""  # noqa: S608 - values are placeholders
    return Statement(sql, parameters.values)
