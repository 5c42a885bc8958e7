"""A real Prometheus on loopback, with the real rules, that scrapes what a test gives it once a second."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from parts.kubernetes import free_port, wait_for
from parts.promtool import program


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Asks its HTTP API. https://prometheus.io/docs/prometheus/latest/querying/api/"""

    port: int

    def ask(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer. Raises AssertionError with Prometheus' words when it refuses."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=15) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path} {parameters}: {error.read().decode()}") from None

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an instant query."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """All rules, with how their last evaluation went."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> set[str]:
        """Names of the alerts that fire now."""
        return {each["labels"]["alertname"] for each in self.ask("alerts")["alerts"] if each["state"] == "firing"}

    def wait_firing(self, alert: str, seconds: float = 60.0) -> dict[str, str]:
        """Until it fires; its annotations."""

        def fires() -> dict[str, str] | None:
            for each in self.ask("alerts")["alerts"]:
                if each["labels"]["alertname"] == alert and each["state"] == "firing":
                    return dict(each["annotations"])
            return None

        return wait_for(f"{alert} to fire", fires, seconds, every=0.25)

    def is_up(self, target: int) -> bool:
        """Whether the process on that port of loopback was scraped."""
        return any(
            each["health"] == "up" and each["labels"]["instance"] == f"127.0.0.1:{target}"
            for each in self.ask("targets")["activeTargets"]
        )


@contextmanager
def prometheus(folder: Path, rules: Path, targets: Mapping[str, int]) -> Iterator[Prometheus]:
    """One that scrapes `targets` (job: port of loopback), until the block ends. Skips where it is not installed."""
    port = free_port()
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
            for job, target in targets.items()
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    command = [
        program("prometheus"),
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:

        def ready() -> bool:
            assert process.poll() is None, (folder / "prometheus.log").read_text()
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        wait_for("Prometheus", ready)
        yield Prometheus(port)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
