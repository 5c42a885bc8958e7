"""What a worker tells those who watch it: counts that the ledger confirms, names that are declared, and no more."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chaos.rig import rig_on, wait_until
from herold.metrics import process_metrics
from herold.worker.figures import Figures
from herold.worker.health import STUCK_SECONDS, HealthServer
from herold.worker.metrics import CATALOGUE, MESSAGES, WINDOW_MESSAGES
from parts import exposition
from parts.exposition import check_declared, samples
from parts.kubernetes import free_port
from parts.outage import ledger_away

PLACE = {"sender": "campaigns-shared/shop-newsletter", "lane": "default"}


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def value(text: str, name: str, **labels: str) -> float:
    """One sample, 0 where there is none."""
    return exposition.value(text, name, **labels) or 0.0


def test_the_counts_of_a_run_are_those_of_the_ledger_and_every_name_is_declared(database: str) -> None:
    port = free_port()
    sink = ("--fault", "5.1.1:0.1", "--fault", "451:0.1", "--fault", "drop-accepted:0.02")
    with rig_on(database, 300, sink=sink) as world:
        run_id = world.start(world.campaign(sender={"retry": {"maxAttempts": 3, "firstDelay": "1s"}}))
        worker = world.worker(worker_health_port=str(port))
        status = world.wait_closed(run_id)
        assert ask(port, "/readyz") == (200, "ok\n")
        assert ask(port, "/healthz") == (200, "ok\n")
        code, text = ask(port, "/metrics")
        attempts = world.connection.execute(
            "SELECT count(*) FILTER (WHERE kind = 'deferred'), count(*) FILTER (WHERE code / 100 = 5) FROM outcome"
        ).fetchone()
        world.terminate(worker)
    assert code == 200
    outcomes = {
        kind: value(text, "herold_worker_messages_total", **PLACE, outcome=kind)
        for kind in ("sent", "failed", "uncertain", "deferred")
    }
    assert attempts is not None
    assert outcomes == {
        "sent": status.sent,
        "failed": status.failed,
        "uncertain": status.uncertain,
        "deferred": attempts[0],
    }
    assert min(outcomes.values()) > 0, outcomes
    replies = {
        each: value(text, "herold_worker_smtp_replies_total", **PLACE, **{"class": each}) for each in ("2xx", "5xx")
    }
    assert replies == {"2xx": status.sent, "5xx": attempts[1]}
    done = sum(n for (name, _), n in samples(text).items() if name == "herold_worker_messages_total")
    assert value(text, "herold_worker_window_messages_sum", **PLACE) == done
    windows = value(text, "herold_worker_claims_total", **PLACE, answer="Claimed")
    assert windows == value(text, "herold_worker_window_seconds_count", **PLACE) > 0
    assert value(text, "herold_worker_connections_opened_total", **PLACE) > 0
    assert value(text, "herold_worker_evidence_bytes") > 0
    assert value(text, "herold_worker_messages_in_hand") == 0
    assert 0 < value(text, "herold_worker_lease_seconds") <= 15
    assert abs(value(text, "herold_worker_clock_offset_seconds")) < 5
    assert value(text, "herold_worker_serves", sender=PLACE["sender"]) == 1
    assert value(text, "process_resident_memory_bytes") > 1e6

    check_declared(text, CATALOGUE)
    for word in ("hello", "mail.example", "user1"):
        assert word not in text


def test_every_declared_metric_is_read(tmp_path: Path) -> None:
    figures = Figures()
    figures.beat_at, figures.clock_offset = 1.0, 0.0
    assert {*figures.reading(2.0, tmp_path), *process_metrics()} == set(CATALOGUE)


def test_without_a_ledger_a_worker_is_alive_and_not_ready_until_its_lease_lasts_again(database: str) -> None:
    port = free_port()
    with rig_on(database) as world:
        world.worker(worker_health_port=str(port))
        world.wait_registered(1)
        wait_until(lambda: ask(port, "/readyz")[0] == 200, "it is ready")
        with ledger_away(database, "herold %"):
            wait_until(lambda: ask(port, "/readyz") == (503, "no lease\n"), "its lease is over")
            assert ask(port, "/healthz")[0] == 200
            assert value(ask(port, "/metrics")[1], "herold_worker_ledger_lost_total") > 0
        wait_until(lambda: ask(port, "/readyz")[0] == 200, "it is ready again")


def test_a_worker_that_is_killed_shows_in_what_its_taker_counts(database: str) -> None:
    port = free_port()
    with rig_on(database, 50) as world:
        run_id = world.start(world.campaign())
        stop = world.sink.control.watch("dot", 10)
        victim = world.worker()
        world.sink.control.wait_hit()
        world.kill(victim)
        world.sink.control.drop(stop)
        world.worker(worker_health_port=str(port))
        status = world.wait_closed(run_id)
        text = ask(port, "/metrics")[1]
        said = [json.loads(line) for line in world.said().splitlines()]
    assert value(text, "herold_worker_takeovers_total") == 1
    settled = {
        kind: value(text, "herold_worker_taken_messages_total", outcome=kind)
        for kind in ("sent", "returned", "uncertain")
    }
    assert settled["uncertain"] == status.uncertain
    assert sum(settled.values()) == 50
    (line,) = [line for line in said if line["event"] == "took_over"]
    assert line["leases"] == 1
    assert {kind: float(line.get(kind, 0)) for kind in settled} == settled


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[HealthServer, Figures]]:
    figures = Figures()
    made = HealthServer(figures, tmp_path, 0)
    made.start()
    yield made, figures
    made.stop()


def test_a_loop_that_does_not_come_round_for_a_minute_is_stuck(server: tuple[HealthServer, Figures]) -> None:
    health, figures = server
    assert ask(health.port, "/healthz") == (200, "ok\n")
    figures.beat_at = time.monotonic()
    assert ask(health.port, "/healthz") == (200, "ok\n")
    figures.beat_at -= STUCK_SECONDS + 1
    assert ask(health.port, "/healthz") == (500, "stuck\n")
    assert ask(health.port, "/readyz") == (503, "no lease\n")
    assert ask(health.port, "/other")[0] == 404


def test_clients_that_say_nothing_do_not_keep_others_from_asking(server: tuple[HealthServer, Figures]) -> None:
    health, _ = server
    with ExitStack() as stack:
        silent = [socket.create_connection(("127.0.0.1", health.port), timeout=30) for _ in range(12)]
        for each in silent:
            stack.enter_context(each)
        # Eight have a seat until they time out; the others are sent away at once.
        assert silent[-1].recv(1) == b""

        def answers() -> bool:
            try:
                return ask(health.port, "/healthz")[0] == 200
            except OSError:
                return False

        wait_until(answers, "a seat is free")


def test_a_lane_without_a_name_is_shown_by_its_number(tmp_path: Path) -> None:
    figures = Figures()
    figures.window(7, ["sent", "returned"], [250, None], 0.5)
    figures.window(7, ["sent"], [250], 0.5)
    reading = figures.reading(0.0, tmp_path)
    assert reading[MESSAGES] == {("", "7", "sent"): 2, ("", "7", "returned"): 1}
    figures.places[7] = ("shared/shop", "default")
    assert list(figures.reading(0.0, tmp_path)[WINDOW_MESSAGES]) == [("shared/shop", "default")]


def test_a_port_that_is_taken_ends_the_worker_with_a_word_about_it(database: str) -> None:
    with rig_on(database) as world, socket.create_server(("", 0)) as taken:
        worker = world.worker(worker_health_port=str(taken.getsockname()[1]))
        assert worker.wait(30) == 1
        line = json.loads(world.said().splitlines()[-1])
    assert line["event"] == "ended"
    assert "can't be used for /healthz and /metrics" in line["message"]
    assert "HEROLD_WORKER_HEALTH_PORT" in line["message"]


def test_who_exports_nothing_does_not_load_what_exports() -> None:
    code = "import sys, herold.processes.sending; print({'prometheus_client', 'http.server'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
