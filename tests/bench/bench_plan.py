"""A plan over many people: seconds for an exact one, one against another revision, and a sampled one; as JSON.

    .venv/bin/python tests/bench/bench_plan.py --contacts 1000000

An embedded PostgreSQL of its own, filled by SQL: per contact five page views and one and a half orders, an address in
one of 2,000 domains, and a consent. The campaign is the win-back of the examples with a condition on page views added;
another campaign that starts two days before mails most of the same people. Median of `--repeat` plans each; the first
one, on a cold cache, is not counted. CPU is that of the server and of this process. Also told: how far the estimate was
off, and how wide its interval is.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from herold.ledger.database import Connection, connect, migrate
from herold.ledger.runs import start_run
from herold.planning import Plan, as_html, as_markdown, make_plan
from herold.processes.embedded import EmbeddedServer, embedded
from herold.resources.catalogue import load
from herold.resources.resolved import ResolvedCampaign

KEY = b"0123456789abcdef0123456789abcdef"
EXAMPLES = Path(__file__).resolve().parents[2] / "gitops" / "campaigns" / "test"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

PEOPLE = (
    """INSERT INTO contact (id, external_id, locale, time_zone, attributes)
       SELECT n, 'c' || n, (ARRAY['en', 'de', 'pl', 'fr'])[n % 4 + 1],
              (ARRAY['Europe/Warsaw', 'Europe/London', 'America/New_York', 'Asia/Tokyo', NULL])[n % 5 + 1],
              jsonb_build_object('first_name', 'Name' || n % 1000, 'city', 'City' || n % 500, 'country', 'PL',
                                 'loyalty_points', n % 1000, 'vip', n % 50 = 0)
       FROM generate_series(1, %(n)s) n""",
    # Half of the addresses in two domains, the others in a long tail.
    """INSERT INTO endpoint (contact_id, channel, address, address_hash, domain)
       SELECT n, 'Email', 'p' || n || '@' || d, decode(md5('p' || n || d), 'hex'), d
       FROM generate_series(1, %(n)s) n,
            LATERAL (SELECT CASE n % 4 WHEN 0 THEN 'mail.example' WHEN 1 THEN 'post.example'
                            ELSE 'd' || (power(random(), 3) * 2000)::int || '.example' END AS d) x
       WHERE n % 100 <> 0""",
    """INSERT INTO event (contact_id, name, at, properties)
       SELECT 1 + (n::bigint * 7919) % %(n)s, 'page_view', now() - (n % 400) * interval '1 day', '{"path": "/"}'
       FROM generate_series(1, 5 * %(n)s) n""",
    """INSERT INTO purchase (contact_id, order_id, at, amount)
       SELECT 1 + (n::bigint * 6271) % %(n)s, 'o' || n, now() - (n % 900) * interval '1 day', n % 90
       FROM generate_series(1, %(n)s * 3 / 2) n""",
    "INSERT INTO consent_subject (brand, topic, channel) VALUES ('shop', 'offers', 'Email')",
    """INSERT INTO consent_current (subject, contact_id, granted, at)
       SELECT 1, n, n % 20 <> 0, now() FROM generate_series(1, %(n)s) n""",
    """INSERT INTO suppression (address_hash, reason, source)
       SELECT address_hash, 'HardBounce', 'bench' FROM endpoint WHERE contact_id % 70 = 0 ON CONFLICT DO NOTHING""",
)


def fill(connection: Connection, contacts: int) -> None:
    """People, what they did, and statistics about it."""
    connection.execute("SET synchronous_commit = off")
    connection.execute("SET maintenance_work_mem = '512MB'")
    for statement in PEOPLE:
        connection.execute(statement.replace("%(n)s", str(contacts)).replace("%%", "%").encode())
    connection.execute("VACUUM ANALYZE")


def campaigns() -> tuple[ResolvedCampaign, ResolvedCampaign, ResolvedCampaign]:
    """The planned one, the same as it was before, and the one that mails the same people."""
    catalogue = load([EXAMPLES], shared_namespace="campaigns-shared")
    content = catalogue.resolved(catalogue.campaign("win-back")).to_json()
    content["campaign"]["spec"]["audience"]["maxRecipients"] = 100_000_000
    content["sender"]["spec"]["limits"] = {"perSecond": "5000"}
    for segment in content["segments"]:
        if segment["metadata"]["name"] == "lapsed-buyers":
            viewed = {"event": {"name": "page_view", "within": "365d"}}
            segment["spec"]["allOf"].append({"anyOf": [viewed]})
    planned = ResolvedCampaign.from_json(content)
    content["campaign"]["spec"]["audience"]["excludeRefs"] = []
    before = ResolvedCampaign.from_json(content)
    other = catalogue.resolved(catalogue.campaign("spring-sale")).to_json()
    other["campaign"]["spec"]["audience"]["maxRecipients"] = 100_000_000
    return planned, before, ResolvedCampaign.from_json(other)


@dataclass(frozen=True, slots=True)
class Spent:
    """Medians, in seconds: by the clock, and CPU of the whole server and of this process."""

    clock: float
    cpu: float


class Meter:
    """Times plans on one server."""

    def __init__(self, server: EmbeddedServer, connection: Connection, repeat: int) -> None:
        self._postmaster = psutil.Process(server.postmaster_pid())
        self._connection = connection
        self._repeat = repeat

    def plan(self, resolved: ResolvedCampaign, **options: Any) -> tuple[Spent, Plan]:
        """After one plan that fills the caches."""
        plan = make_plan(self._connection, resolved, key=KEY, now=NOW, **options)
        clock, cpu = [], []
        for _ in range(self._repeat):
            spent, began = self._cpu(), time.perf_counter()
            plan = make_plan(self._connection, resolved, key=KEY, now=NOW, **options)
            clock.append(time.perf_counter() - began)
            cpu.append(self._cpu() - spent)
        return Spent(round(statistics.median(clock), 2), round(statistics.median(cpu), 2)), plan

    def _cpu(self) -> float:
        """Of this process and the server's, those that ended (parallel workers) included."""
        ended = self._postmaster.cpu_times()
        total = time.process_time() + ended.children_user + ended.children_system
        for child in self._postmaster.children():
            with suppress(psutil.NoSuchProcess):
                times = child.cpu_times()
                total += times.user + times.system
        return total


def measure(contacts: int, repeat: int) -> dict[str, Any]:
    """Fill a ledger and plan over it."""
    folder = Path(tempfile.mkdtemp(prefix="herold-bench-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with embedded(folder / "server") as server:
            connection = connect(server.url())
            migrate(connection)
            fill(connection, contacts)
            planned, before, other = campaigns()
            began = time.perf_counter()
            started = start_run(connection, other, key=KEY, actor="bench")
            freezing = time.perf_counter() - began
            connection.execute("VACUUM ANALYZE")
            print(f"filled; {started.planned} frozen in {freezing:.1f} s", file=sys.stderr)
            meter = Meter(server, connection, repeat)
            exact, plan = meter.plan(planned)
            compared, _ = meter.plan(planned, against=before, revision="main")
            sampled, guess = meter.plan(planned, sampled=True)
            sampled_compared, _ = meter.plan(planned, sampled=True, against=before, revision="main")
            began = time.perf_counter()
            page, text = as_html(plan), as_markdown(plan)
            rendering = time.perf_counter() - began
            connection.close()
            interval = guess.estimate
            return {
                "bench": "plan",
                "contacts": contacts,
                "reached": plan.size,
                "left_out": plan.left_out_people,
                "also_mailed": sum(each.people for each in plan.overlaps),
                "exact_seconds": exact.clock,
                "exact_cpu_seconds": exact.cpu,
                "exact_against_seconds": compared.clock,
                "exact_against_cpu_seconds": compared.cpu,
                "sampled_seconds": sampled.clock,
                "sampled_cpu_seconds": sampled.cpu,
                "sampled_against_seconds": sampled_compared.clock,
                "sampled_against_cpu_seconds": sampled_compared.cpu,
                "estimate": guess.size,
                "estimate_off_percent": round(100 * abs(guess.size - plan.size) / max(1, plan.size), 2),
                "interval": [interval.low, interval.high] if interval else None,
                "interval_holds_it": interval.low <= plan.size <= interval.high if interval else None,
                "page_and_markdown_seconds": round(rendering, 3),
                "page_kb": len(page) // 1024,
                "markdown_kb": len(text) // 1024,
                "bars": {"exact_seconds": 10, "sampled_seconds": 2},
            }
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--out", type=Path, help="write the JSON here as well")
    given = parser.parse_args()
    text = json.dumps(measure(given.contacts, given.repeat), indent=2)
    print(text)
    if given.out:
        given.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
