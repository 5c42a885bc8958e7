"""How many deliveries a second the ledger takes: claim with all checks, window, outcomes; no mail.

    .venv/bin/python tests/bench/bench_ledger.py --rows 2000000 --workers 2 --seconds 30

Prints JSON. Everything runs on one machine: the embedded PostgreSQL, and worker processes that claim and record as
real ones do, but send nothing. `--rows` deliveries are there at the start, in runs of `--run` each; checkpoints happen
when they happen. The processor time of PostgreSQL is that of its process group.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import psutil
import uvloop
from psycopg.conninfo import make_conninfo

from herold.ledger import leases
from herold.ledger.claims import Claim, Receipt, Window, exchange
from herold.ledger.database import Connection, connect, connect_async, migrate
from herold.ledger.logins import grant_login
from herold.ledger.roles import WORKER, apply_grants
from herold.processes.embedded import embedded

SENDERS = 4  # lanes; a lane's row is locked while it is claimed from


def fill(connection: Connection, rows: int, size: int, people: int) -> None:
    """Contacts with address and consent, and runs over them; whole runs of `size` deliveries."""
    connection.execute("SET synchronous_commit = off")
    connection.execute(
        "INSERT INTO consent_subject (brand, topic, channel) VALUES ('b', 't', 'Email');"
        "ALTER TABLE consent DISABLE TRIGGER ALL"
    )
    connection.execute(
        "INSERT INTO contact (id, external_id, locale, time_zone, attributes) SELECT n, 'c' || n, 'en', "
        """'Europe/Warsaw', '{"first_name": "Anna", "city": "Gdynia"}' FROM generate_series(1, %s) n""",
        (people,),
    )
    connection.execute(
        "INSERT INTO endpoint SELECT n, 'Email', 'user' || n || '@mail.example', "
        "substr(sha256(n::text::bytea), 1, 16), 'mail.example' FROM generate_series(1, %s) n",
        (people,),
    )
    connection.execute(
        "INSERT INTO consent_current (subject, contact_id, granted, at) SELECT 1, n, true, now() "
        "FROM generate_series(1, %s) n",
        (people,),
    )
    connection.execute(
        "INSERT INTO suppression SELECT substr(sha256(('s' || n)::bytea), 1, 16), 'r', 's', now() "
        "FROM generate_series(1, %s) n",
        (people // 50,),
    )
    for sender in range(1, SENDERS + 1):
        connection.execute(
            "INSERT INTO sender (namespace, name, spec, max_attempts, first_delay, max_delay) "
            "VALUES ('n', %s, '{\"brand\": \"b\"}', 5, '5 min', '1 h')",
            (f"s{sender}",),
        )
        connection.execute(
            "INSERT INTO lane (sender_id, name, domains, per_second) VALUES (%s, 'd', '{}', 1e9)", (sender,)
        )
    for number in range(rows // size):
        sender = number % SENDERS + 1
        row = connection.execute("SELECT new_run_id()").fetchone()
        assert row is not None
        run = row[0]
        connection.execute(
            "INSERT INTO run (id, namespace, name, occurrence, resolved, intent_digest, content_digest, sender_id, "
            "subject, transactional, planned, first_due_at, start_by) "
            "VALUES (%s, 'n', %s, 1, '{}', '', '', %s, 1, false, %s, now(), now() + interval '1 day')",
            (run, f"c{number}", sender, size),
        )
        offset = number * size % people
        connection.execute(
            "INSERT INTO delivery SELECT %s, row_number() OVER (), contact_id, address_hash, %s, 0 FROM "
            "(SELECT contact_id, address_hash FROM endpoint WHERE contact_id > %s ORDER BY contact_id LIMIT %s) e",
            (run, sender, offset, size),
        )
        connection.execute(
            "INSERT INTO chunk SELECT %s, 0, %s, n, least(n + 1999, %s) FROM generate_series(1, %s, 2000) n",
            (run, sender, size, size),
        )
        connection.execute(
            "INSERT INTO run_zone (run_id, zone, name, due_at, expires_at) "
            "VALUES (%s, 0, 'UTC', now() - interval '1 s', now() + interval '1 day')",
            (run,),
        )
        print(f"\rfilling {number + 1}/{rows // size} runs", end="", file=sys.stderr, flush=True)
    connection.execute("ALTER TABLE consent ENABLE TRIGGER ALL")
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
    print(file=sys.stderr)


def work(
    url: str, number: int, slots: int, seconds: float, results: multiprocessing.Queue[tuple[int, float, list[int]]]
) -> None:
    """One worker process: claim, record all as sent, and so on."""

    backends: list[int] = []

    async def slot(which: int, lease: object) -> int:
        ledger = await connect_async(url, application="bench")
        backends.append(ledger.info.backend_pid)
        receipt: Receipt | None = None
        done = 0
        lane = (number * slots + which) % SENDERS + 1
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = await exchange(ledger, receipt, Claim(lease, 1, which, lane))  # type: ignore[arg-type]
            receipt = None
            if not isinstance(answer, Window):
                lane = lane % SENDERS + 1
                await asyncio.sleep(0.001)
                continue
            count = len(answer.positions)
            receipt = Receipt(
                answer.run_id, answer.id, answer.positions, answer.attempts, ["sent"] * count, [250] * count,
                [None] * count, ["2.0.0 queued as 4Xz1y2"] * count,
            )  # fmt: skip
            done += count
        await ledger.close()
        return done

    async def main() -> int:
        lease = uuid4()
        ledger = await connect_async(url, application="bench")
        await leases.register(ledger, lease, host="bench", pid=number)
        return sum(await asyncio.gather(*(slot(which, lease) for which in range(slots))))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        done = runner.run(main())
    used = psutil.Process().cpu_times()
    results.put((done, used.user + used.system, backends))


def server_seconds(postmaster: int) -> float:
    """Processor time of the server so far: living processes, and ended ones that it waited for."""
    server = psutil.Process(postmaster)
    times = server.cpu_times()
    total = float(times.user + times.system + times.children_user + times.children_system)
    for child in server.children(recursive=True):
        own = child.cpu_times()
        total += own.user + own.system
    return total


def wait_gone(pids: Iterable[int]) -> None:
    """Until the server has waited for these: only then does it count their time as its own."""
    for pid in pids:
        while psutil.pid_exists(pid):
            time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--run", type=int, default=250_000)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=10.0)
    wanted = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="hb-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with embedded(folder / "pg") as server:
            with connect(server.url()) as connection:
                migrate(connection)
                fill(connection, wanted.rows, min(wanted.run, wanted.people), wanted.people)
                # As workers are on a platform: a login with the worker's role and one brand.
                apply_grants(connection)
                grant_login(connection, "bench_worker", (WORKER,), ("b",), password=None)
            url = make_conninfo(server.url(), user="bench_worker")
            results: multiprocessing.Queue[tuple[int, float, list[int]]] = multiprocessing.Queue()
            before, began = server_seconds(server.postmaster_pid()), time.monotonic()
            crew = [
                multiprocessing.Process(target=work, args=(url, n, wanted.slots, wanted.seconds, results))
                for n in range(wanted.workers)
            ]
            for process in crew:
                process.start()
            told = [results.get() for _ in crew]
            for process in crew:
                process.join()
            took = time.monotonic() - began
            wait_gone(pid for _, _, backends in told for pid in backends)
            used = server_seconds(server.postmaster_pid()) - before
        done = sum(count for count, _, _ in told)
        clients = sum(seconds for _, seconds, _ in told)
        print(
            json.dumps(
                {
                    "bench": "ledger",
                    "rows_present": wanted.rows,
                    "workers": wanted.workers,
                    "slots": wanted.slots,
                    "seconds": round(took, 1),
                    "deliveries": done,
                    "per_second": round(done / took),
                    "postgresql_us": round(used / done * 1e6, 1),
                    "client_us": round(clients / done * 1e6, 1),
                }
            )
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
