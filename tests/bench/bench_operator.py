"""Bench: the operator on a real API server. From an edit to its condition, a restart, a leader lost, writes, memory.

PYTHONPATH=tests python tests/bench/bench_operator.py --campaigns 1000 --restart 5000 --rounds 3

Times are seconds, seen by somebody who watches the API server as kubectl does. Half of the campaigns wait for next
week, the others have a run that is suspended. No pods run: a Deployment is a wish here.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import ssl
import statistics
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from controller.platform import TEAM, Object, Operator, Platform, platform_on, world
from controller.rig import running
from controller.test_writes import writes
from herold.ledger.database import connect, migrate
from herold.ledger.runs import start_run
from herold.processes.embedded import embedded
from herold_operator.api import PAGE
from parts.campaigns import small_campaign
from parts.kubernetes import ADMIN, ApiServer, api_server_in, free_port, token_of, wait_for
from parts.people import KEY
from parts.smtp_sink import smtp_sink

CAMPAIGNS = f"/apis/herold.dev/v1alpha1/namespaces/{TEAM}/campaigns"
# As in production, whatever the tests set.
SETTINGS = {"tick": "1", "counts_every": "15", "lease_seconds": "8", "resync": "300"}
PEOPLE = 4000
STARTS_WITH = 3  # looks at all campaigns: its own, its watch's, and one soon after


@dataclass
class Watcher:
    """Watches campaigns as kubectl would: when each generation was first seen in a status."""

    api: ApiServer
    seen: dict[tuple[str, int], float] = field(default_factory=dict)
    _more: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> None:
        """Watch from now on."""
        version = self.api.ask("GET", f"{CAMPAIGNS}?limit=1")["metadata"]["resourceVersion"]
        threading.Thread(target=self._watch, args=(version,), daemon=True).start()

    def _watch(self, version: str) -> None:
        url = f"https://127.0.0.1:{self.api.port}{CAMPAIGNS}?watch=true&resourceVersion={version}&timeoutSeconds=3600"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token_of(ADMIN)}"})
        context = ssl.create_default_context(cafile=str(self.api.authority))
        try:
            with urllib.request.urlopen(request, context=context, timeout=3600) as lines:
                for line in lines:
                    item = json.loads(line)["object"]
                    at = (item["metadata"]["name"], item.get("status", {}).get("observedGeneration", 0))
                    with self._more:
                        self.seen.setdefault(at, time.monotonic())
                        self._more.notify_all()
        except (OSError, ValueError):
            return  # the API server ended

    def wait(self, name: str, generation: int, seconds: float = 120.0) -> float:
        """When (monotonic) a status spoke of that generation."""
        with self._more:
            there = self._more.wait_for(lambda: (name, generation) in self.seen, seconds)
        assert there, f"{name} was not judged within {seconds} s"
        return self.seen[name, generation]


@dataclass
class Bench:
    """One platform with many campaigns."""

    platform: Platform
    watcher: Watcher
    campaigns: list[Object] = field(default_factory=list)
    edits: int = 0

    def operator(self, **settings: str) -> tuple[Operator, int]:
        """A replica, and its port."""
        port = free_port()
        return self.platform.operator(**{**SETTINGS, **settings}, health_port=str(port)), port

    def grow(self, count: int) -> float:
        """Have so many campaigns, all of them judged; seconds that a running operator took for it."""
        later = (datetime.now(UTC) + timedelta(days=7)).strftime("%Y-%m-%dT%H:%M:%S")
        resources = world(campaign={"suspend": True, "repeatPolicy": "Allow"})
        new = []
        for number in range(len(self.campaigns), count):
            item = {**resources[-1], "metadata": {"name": f"c{number}", "namespace": TEAM}}
            if number % 2:
                item = {**item, "spec": {**item["spec"], "schedule": {"at": later, "timeZone": "UTC"}}}
            else:
                self._start_run(item)
            new.append(item)
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.platform.api.apply, new))
        for item in new:
            self.watcher.wait(item["metadata"]["name"], 1, 900)
        self.campaigns += new
        return time.monotonic() - began

    def _start_run(self, item: Object) -> None:
        """The run is there already: how runs begin is measured elsewhere."""
        spec = item["spec"]
        resolved = small_campaign(
            name=item["metadata"]["name"],
            campaign={"suspend": True, "repeatPolicy": "Allow"},
            schedule=spec["schedule"],
        )
        start_run(self.platform.connection, resolved, key=KEY, actor="herold-operator")

    def edit(self) -> float:
        """Change the spec of one campaign; seconds until a condition speaks of the new generation."""
        self.edits += 1
        campaign = self.campaigns[(self.edits * 7 + 1) % len(self.campaigns)]
        change = {"spec": {"audience": {"maxRecipients": 1000 + self.edits}}}
        began = time.monotonic()
        made = self.platform.api.merge(campaign, change)["metadata"]
        return self.watcher.wait(made["name"], made["generation"]) - began

    def settled(self, port: int, since: float) -> float:
        """Seconds until all campaigns were visited and nothing waits."""
        wait_for("it to settle", lambda: self._is_settled(metrics(port)), 600, every=0.1)
        return time.monotonic() - since

    def _is_settled(self, found: dict[str, float]) -> bool:
        visits = found.get('herold_operator_visit_seconds_count{kind="Campaign"}', 0)
        return visits >= len(self.campaigns) and found.get("herold_operator_queue_length") == 0

    def writes_since(self, before: float) -> Counter[str]:
        """What was written, by resource."""
        return Counter(each[1] for each in writes(self.platform.api.requests(before)))


def metrics(port: int) -> dict[str, float]:
    """What /metrics says, {} before it answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return {}
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


def memory(operator: Operator) -> dict[str, int]:
    """Resident memory now and at its peak, in MB (10^6 bytes)."""
    status = Path(f"/proc/{operator.process.pid}/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) for line in status if line.startswith(("VmRSS", "VmHWM"))}
    return {"now_mb": round(found["VmRSS"] * 1.024e-3), "peak_mb": round(found["VmHWM"] * 1.024e-3)}


def cpu_seconds(operator: Operator) -> float:
    """What it used of a processor so far: other than time, it hardly grows with the load of the machine."""
    return sum(psutil.Process(operator.process.pid).cpu_times()[:2])


def measure_edits(bench: Bench, changes: int) -> dict[str, float]:
    """From an edit to its condition; two people edit at the same time."""
    with ThreadPoolExecutor(2) as pool:
        times = sorted(pool.map(lambda _: bench.edit(), range(changes)))
    p99 = times[max(0, int(len(times) * 0.99) - 1)]
    return {"p50": round(statistics.median(times), 3), "p99": round(p99, 3), "greatest": round(times[-1], 3)}


def measure_restart(bench: Bench, leader: Operator) -> tuple[dict[str, Any], Operator]:
    """The only replica ends, and a new process begins."""
    leader.stop()
    before, began = bench.platform.api.audited(), time.monotonic()
    operator, port = bench.operator()
    seconds = bench.settled(port, began)
    figures = {
        **{"settled": round(seconds, 1), "cpu": round(cpu_seconds(operator), 1)},
        "writes": dict(bench.writes_since(before)),
    }
    return {**figures, **memory(operator)}, operator


def measure_handover(bench: Bench, leader: Operator, sign: signal.Signals) -> tuple[float, Operator]:
    """The leader gets a signal; seconds until an edit of that moment has its condition from the other replica."""
    before = bench.platform.api.audited()
    standby, port = bench.operator()
    wait_for("it to stand by", lambda: ready(port), 60)
    looks = STARTS_WITH * math.ceil(len(bench.campaigns) / PAGE)
    wait_for("its start to be over", lambda: bench.platform.lists(before) >= looks, 60)
    began = time.monotonic()
    leader.process.send_signal(sign)
    bench.edit()
    seconds = time.monotonic() - began
    leader.process.wait(60)
    assert standby.events("leading")
    bench.settled(port, began)
    return round(seconds, 2), standby


def ready(port: int) -> bool:
    """Whether /readyz says so."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def measure_running(bench: Bench, folder: Path) -> dict[str, Any]:
    """One campaign that sends for a while: what its status costs."""
    with smtp_sink(folder / "sink.log") as sink:
        resources = world(port=sink.port, per_second="100", campaign={"repeatPolicy": "Allow"})
        campaign = {**resources[-1], "metadata": {"name": "running", "namespace": TEAM}}
        before = bench.platform.api.audited()
        bench.platform.apply(*resources[:-1], campaign)
        with running(bench.platform.worker()):
            bench.platform.wait_reason(campaign, "Progressing", "Sending", 120)
            began = time.monotonic()
            bench.platform.wait_reason(campaign, "Completed", "EverybodySettled", 300)
            seconds = time.monotonic() - began
    done = [each for each in writes(bench.platform.api.requests(before)) if each[2].startswith("running")]
    kinds = Counter(each[1] for each in done)
    return {"seconds": round(seconds), "people": PEOPLE, **kinds}


class Figures(dict[str, Any]):
    """They are shown on standard error as they come: it takes a while."""

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        print(f"{name}: {json.dumps(value)}", file=sys.stderr, flush=True)


def grown(bench: Bench, count: int, figures: Figures) -> Operator:
    """A leader that has judged so many campaigns. They are made by a patient one: making them keeps all busy."""
    patient, _ = bench.operator(lease_seconds="60")
    wait_for("it to lead", lambda: patient.events("leading"), 60)
    new = count - len(bench.campaigns)
    figures[f"first_visits_{new}"] = {"seconds": round(bench.grow(count), 1)}
    patient.stop()
    began = time.monotonic()
    leader, port = bench.operator()
    bench.settled(port, began)
    return leader


def measure_all(bench: Bench, options: argparse.Namespace, folder: Path) -> Figures:
    """All figures."""
    figures = Figures(load_before=round(os.getloadavg()[0], 1), cores=os.cpu_count())
    bench.platform.apply(*world()[:-1])
    bench.watcher.start()
    leader = grown(bench, options.campaigns, figures)
    figures["edit_to_condition"] = [measure_edits(bench, options.changes) for _ in range(options.rounds)]
    figures["memory"] = memory(leader)
    handovers: dict[str, list[float]] = {"stopped": [], "killed": []}
    for _ in range(options.rounds):
        for name, sign in (("stopped", signal.SIGTERM), ("killed", signal.SIGKILL)):
            seconds, leader = measure_handover(bench, leader, sign)
            handovers[name].append(seconds)
    figures["handover"] = {
        name: {"median": statistics.median(found), "all": found} for name, found in handovers.items()
    }
    figures["running"] = measure_running(bench, folder)
    leader.stop()
    leader = grown(bench, options.restart, figures)
    restarts = []
    for _ in range(options.rounds):
        figure, leader = measure_restart(bench, leader)
        restarts.append(figure)
    figures["restart"] = {"campaigns": options.restart, "rounds": restarts}
    figures["load_after"] = round(os.getloadavg()[0], 1)
    return figures


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--campaigns", type=int, default=1000)
    parser.add_argument("--restart", type=int, default=5000, help="campaigns present at a restart")
    parser.add_argument("--changes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="herold-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with api_server_in(folder / "kubernetes") as api, embedded(folder / "postgresql") as server:
            connection = connect(server.url())
            migrate(connection)
            connection.close()
            with platform_on(api, server.url(), folder / "test", people=PEOPLE) as platform:
                print(json.dumps(measure_all(Bench(platform, Watcher(api)), options, folder), indent=1))


if __name__ == "__main__":
    main()
