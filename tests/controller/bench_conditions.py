"""Bench: spec change -> condition of the new generation, with N campaigns present; restart; memory; writes.

PYTHONPATH=tests python -m controller.bench_conditions --campaigns 1000 --changes 200
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

from controller.platform import TEAM, Platform, platform_on, world
from controller.test_writes import writes
from herold.ledger.database import connect, migrate
from herold.processes.embedded import embedded
from parts.kubernetes import api_server_in, wait_for


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=1000)
    parser.add_argument("--changes", type=int, default=200)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="herold-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with api_server_in(folder / "kubernetes") as api, embedded(folder / "postgresql") as server:
            connection = connect(server.url())
            migrate(connection)
            connection.close()
            with platform_on(api, server.url(), folder / "test") as platform:
                print(json.dumps(measure(platform, options.campaigns, options.changes), indent=1))


def measure(platform: Platform, count: int, changes: int) -> dict[str, Any]:
    """All figures; times in seconds."""
    figures: dict[str, Any] = {"campaigns": count}
    resources = world(campaign={"suspend": True, "repeatPolicy": "Allow"})
    platform.apply(*resources[:-1])
    campaigns = [{**resources[-1], "metadata": {"name": f"c{n}", "namespace": TEAM}} for n in range(count)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(platform.apply, campaigns))
    began = time.monotonic()
    operator = platform.operator(tick="1", counts_every="15")
    wait_for("all to be planned", lambda: _settled(platform) == count, 600, every=0.5)
    figures["first_start_seconds"] = round(time.monotonic() - began, 1)

    def change(number: int) -> float:
        campaign = campaigns[number * 7 % count]
        start = time.monotonic()
        generation = platform.api.merge(campaign, {"spec": {"audience": {"maxRecipients": 1000 + number}}})["metadata"]
        wait_for(
            "the condition",
            lambda: platform.status(campaign).get("observedGeneration", 0) >= generation["generation"],
            every=0.01,
        )
        return time.monotonic() - start

    with ThreadPoolExecutor(2) as pool:
        times = sorted(pool.map(change, range(changes)))
    figures["change_to_condition"] = {
        "p50": round(statistics.median(times), 3),
        "p99": round(times[int(len(times) * 0.99) - 1], 3),
        "max": round(times[-1], 3),
    }
    figures["memory_mb"] = round(psutil.Process(operator.process.pid).memory_info().rss / 1e6)
    operator.stop()
    before = platform.api.audited()
    began = time.monotonic()
    again = platform.operator(tick="1", counts_every="15")
    wait_for("it to lead", lambda: again.events("leading"))
    campaign = campaigns[0]
    platform.api.merge(campaign, {"spec": {"suspend": False}})
    platform.wait_reason(campaign, "Suspended", "NotSuspended", 120)
    figures["restart_to_reconciled_seconds"] = round(time.monotonic() - began, 1)
    figures["writes_of_the_restart"] = len(
        [each for each in writes(platform.api.requests(before)) if each[2] != "c0" and each[1] != "deployments"]
    )
    cpu = psutil.Process(again.process.pid)
    start, at = sum(cpu.cpu_times()[:2]), time.monotonic()
    time.sleep(10)
    figures["idle_cpu_share"] = round((sum(cpu.cpu_times()[:2]) - start) / (time.monotonic() - at), 3)
    figures["memory_mb_after_restart"] = round(cpu.memory_info().rss / 1e6)
    return figures


def _settled(platform: Platform) -> int:
    items = platform.api.ask("GET", f"/apis/herold.dev/v1alpha1/namespaces/{TEAM}/campaigns")["items"]
    return sum(1 for item in items if item.get("status", {}).get("run"))


if __name__ == "__main__":
    main()
