"""SMTP clients side by side against one sink in one run: messages a second, and the client's CPU time; as JSON.

    .venv/bin/python tests/bench/bench_smtp.py --messages 20000

The sink (`herold.demo.sink`) is a process of its own; the client runs in this one, so that its CPU time is its own.
Every client keeps its connections open. Rounds are interleaved; each figure is the median of them. smtp-source belongs
to Postfix (apt: postfix) and is left out where it is not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import smtplib
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiosmtplib
import psutil
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from herold.channels.outcome import Outcome, Sent
from herold.channels.route import CHAINED, GROUPED, STEPWISE, Manners, verified_context
from herold.channels.smtp import Envelope, SmtpConnection, SmtpRoute
from parts.certificates import make_certificates
from parts.smtp_sink import SmtpSink, smtp_sink

WINDOW = 200
CONTENT = b"Feedback-ID: spring:run1:x:shop\r\nSubject: hello\r\n\r\n" + (b"all of this is text" * 3 + b"\r\n") * 84
SENDER = "b1@bounce.example"


@dataclass(frozen=True, slots=True)
class Figure:
    """One round of one client."""

    per_second: float
    client_us: float
    sink_us: float


def recipients(count: int) -> list[str]:
    return [f"user{number}@example.com" for number in range(count)]


def by_smtplib(port: int, count: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        for name in recipients(count):
            client.sendmail(SENDER, [name], CONTENT)


def by_aiosmtplib(connections: int) -> Callable[[int, int], None]:
    async def one(port: int, names: list[str]) -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for name in names:
                await client.sendmail(SENDER, [name], CONTENT)

    async def all_of_them(port: int, count: int) -> None:
        names = recipients(count)
        await asyncio.gather(*(one(port, names[k::connections]) for k in range(connections)))

    return lambda port, count: uvloop.run(all_of_them(port, count))


def by_herold(ceiling: int, connections: int, tls: ssl.SSLContext | None = None) -> Callable[[int, int], None]:
    async def one(port: int, messages: list[Envelope]) -> None:
        host = "localhost" if tls else "127.0.0.1"
        begun = 0
        route = SmtpRoute(
            host,
            port,
            "StartTls" if tls else "None",
            tls,
            None,
            None,
            ceiling > STEPWISE,
            "[127.0.0.1]",
            Manners(ceiling),
        )
        connection = await SmtpConnection.open(route, timeout=10)

        def on_content(index: int) -> bool:
            nonlocal begun
            begun += 1
            return True

        outcomes: list[Outcome] = []
        for start in range(0, len(messages), WINDOW):
            fault = await connection.send(
                messages[start : start + WINDOW],
                on_content=on_content,
                on_outcome=lambda index, outcome: outcomes.append(outcome),
                timeout=10,
            )
            assert fault is None, fault
        await connection.close()
        assert begun == len(outcomes) == len(messages)
        assert all(isinstance(outcome, Sent) for outcome in outcomes)

    async def all_of_them(port: int, count: int) -> None:
        messages = [Envelope(SENDER.encode(), name.encode(), CONTENT) for name in recipients(count)]
        await asyncio.gather(*(one(port, messages[k::connections]) for k in range(connections)))

    return lambda port, count: uvloop.run(all_of_them(port, count))


def by_smtp_source(program: str, connections: int) -> Callable[[int, int], None]:
    def run(port: int, count: int) -> None:
        subprocess.run(
            [
                program,
                "-d",
                "-s",
                str(connections),
                "-m",
                str(count),
                "-l",
                str(len(CONTENT)),
                f"inet:127.0.0.1:{port}",
            ],
            check=True,
        )

    return run


def cpu_seconds() -> float:
    """Of this process and of its ended children."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def measure(work: Callable[[int, int], None], sink: SmtpSink, count: int) -> Figure:
    process = psutil.Process(sink.process.pid)
    accepted = sink.control.counts()["accepted"]
    before = process.cpu_times()
    began, cpu = time.perf_counter(), cpu_seconds()
    work(sink.port, count)
    took, cpu = time.perf_counter() - began, cpu_seconds() - cpu
    after = process.cpu_times()
    assert sink.control.counts()["accepted"] - accepted == count
    sink_cpu = after.user + after.system - before.user - before.system
    return Figure(count / took, cpu / count * 1e6, sink_cpu / count * 1e6)


def median(figures: list[Figure]) -> dict[str, float]:
    return {
        "per_second": round(statistics.median(figure.per_second for figure in figures)),
        "client_cpu_us": round(statistics.median(figure.client_us for figure in figures), 1),
        "sink_cpu_us": round(statistics.median(figure.sink_us for figure in figures), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--smtp-source", default=shutil.which("smtp-source", path=os.environ["PATH"] + ":/usr/sbin"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = make_certificates(Path(folder))
        trust = verified_context(made.authority.read_text())
        clients: dict[str, Callable[[int, int], None]] = {
            "smtplib, 1 connection": by_smtplib,
            "aiosmtplib, 1 connection": by_aiosmtplib(1),
            "aiosmtplib, 4 connections": by_aiosmtplib(4),
            "herold stepwise, 1 connection": by_herold(STEPWISE, 1),
            "herold grouped, 1 connection": by_herold(GROUPED, 1),
            "herold text + next group, 1 connection": by_herold(CHAINED, 1),
            "herold grouped, 4 connections": by_herold(GROUPED, 4),
            "herold text + next group, 4 connections": by_herold(CHAINED, 4),
            "herold text + next group, 4 connections, TLS": by_herold(CHAINED, 4, trust),
        }
        if arguments.smtp_source:
            clients["smtp-source, 1 connection"] = by_smtp_source(arguments.smtp_source, 1)
            clients["smtp-source, 4 connections"] = by_smtp_source(arguments.smtp_source, 4)
        figures: dict[str, list[Figure]] = {name: [] for name in clients}
        options = ["--tls-cert", str(made.certificate), "--tls-key", str(made.key)]
        with smtp_sink(Path(folder) / "log", *options) as sink:
            for _ in range(arguments.rounds):
                for name, work in clients.items():
                    figures[name].append(measure(work, sink, arguments.messages))
    result: dict[str, object] = {name: median(rounds) for name, rounds in figures.items()}
    if not arguments.smtp_source:
        result["smtp-source"] = "not installed"
    print(
        json.dumps(
            {
                "message_bytes": len(CONTENT),
                "messages": arguments.messages,
                "rounds": arguments.rounds,
                "python": sys.version.split()[0],
                "clients": result,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
