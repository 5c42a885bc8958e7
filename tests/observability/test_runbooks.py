"""What a runbook tells people to type exists: commands, options, Deployments, labels."""

from __future__ import annotations

import contextlib
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from herold.cli.root import herold
from herold.settings import Settings, read_settings
from herold_kubectl.root import campaign
from herold_operator.jobs import build_audience_job, build_preflight_job
from herold_operator.pods import Platform
from herold_operator.settings import OperatorSettings
from herold_operator.workers import build_worker_deployment
from parts.campaigns import small_campaign
from parts.tasks import task_view

ROOT = Path(__file__).parents[2]
OPERATE = ROOT / "docs" / "how-to" / "operate.md"
RUNBOOKS = sorted((ROOT / "docs" / "runbooks").glob("*.md"))
EVERY_RUNBOOK = pytest.mark.parametrize("path", RUNBOOKS, ids=lambda path: str(path.stem))
DEPLOY = ROOT / "operator" / "deploy"


def commands(path: Path) -> list[str]:
    """Everything that is written as a command: after a `$`, or in code within a sentence."""
    text = path.read_text()
    found = [line.removeprefix("$ ").partition(" #")[0] for line in text.splitlines() if line.startswith("$ ")]
    found += re.findall(r"`((?:herold|kubectl) [^`\n]+(?:\n[^`\n]+)?)`", text)
    return [command.split(" | ")[0].replace("\n", " ").strip() for command in found]


def parse(words: list[str], root: click.Group = herold) -> None:
    """Raises click.UsageError for what the command line would refuse, unless it is only not complete. Runs nothing."""
    command: click.Command = root
    context = click.Context(root, info_name=root.name)
    while isinstance(command, click.Group):
        if not words:
            return
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, info_name=name, parent=context)
    with contextlib.suppress(click.MissingParameter):
        command.make_context(context.info_name, words, parent=context.parent)


@EVERY_RUNBOOK
def test_every_command_of_herold_is_one(path: Path) -> None:
    for command in commands(path):
        words = shlex.split(command)
        if words[0] == "herold" and not any(word in ("…", "hold…") for word in words):
            numbered = ["1" if word in ("ID", "RUN") else word for word in words[1:]]
            parse(numbered)


@pytest.mark.parametrize("path", [*RUNBOOKS, OPERATE], ids=lambda path: str(path.stem))
def test_every_command_of_the_plugin_is_one(path: Path) -> None:
    for command in commands(path):
        words = shlex.split(command)
        if words[:2] == ["kubectl", "campaign"]:
            parse(words[2:], campaign)


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    with pytest.raises(click.UsageError):
        parse(["hold", "lst"])
    with pytest.raises(click.UsageError):
        parse(["deliveries", "spring-sale", "--outcom", "sent"])
    with pytest.raises(click.UsageError):
        parse(["hold", "spring-sale", "--raeson", "x"], campaign)


def workloads() -> dict[str, Any]:
    """Deployments of the platform by name, as they are applied."""
    items = [item for file in DEPLOY.glob("*.yaml") for item in yaml.safe_load_all(file.read_text()) if item]
    return {item["metadata"]["name"]: item for item in items if item["kind"] == "Deployment"}


def worker_template() -> Any:
    """What worker pods are made from."""
    place = Platform.of(OperatorSettings(), Settings())
    return build_worker_deployment(small_campaign().sender, 1, place)["spec"]["template"]


def job_templates() -> list[Any]:
    """What pods of Jobs are made from."""
    settings = OperatorSettings()
    place, sender, ahead = Platform.of(settings, Settings()), small_campaign().sender, task_view(kind="Preflight")
    jobs = (build_audience_job(task_view(), place, settings), build_preflight_job(ahead, sender, place, settings))
    return [job["spec"]["template"] for job in jobs]


@EVERY_RUNBOOK
def test_every_deployment_and_label_that_kubectl_is_asked_for_exists(path: Path) -> None:
    templates = [each["spec"]["template"] for each in workloads().values()] + [worker_template(), *job_templates()]
    labels = {label for template in templates for label in template["metadata"]["labels"].items()}
    for command in commands(path):
        for name in re.findall(r"(?<![\w/])deploy/([a-z-]+)", command):
            assert name in workloads(), command
        for name, value in re.findall(r"-l ([\w./-]+)=([\w-]+)", command):
            assert (name, value) in labels, command
        for namespace in re.findall(r"-n (herold-[a-z]+)", command):
            assert namespace in ("herold-platform", OperatorSettings().senders_namespace), command


def test_herold_runs_in_the_pods_of_the_platform_whose_settings_are_not_its_own() -> None:
    for deployment in workloads().values():
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            given = {each["name"]: each.get("value", "postgresql://ledger/herold") for each in container["env"]}
            assert read_settings({**given, "HEROLD_OPERATOR_IDENTITY": "a-pod"}).database_url is not None


def test_what_the_prometheus_operator_is_told_to_scrape_is_there() -> None:
    monitors = list(yaml.safe_load_all((DEPLOY / "monitoring" / "podmonitors.yaml").read_text()))
    templates = {name: each["spec"]["template"] for name, each in workloads().items()}
    templates["worker"] = worker_template()
    scraped = set()
    for monitor in monitors:
        selector = monitor["spec"]["selector"]
        names = [*selector.get("matchLabels", {}).values()]
        names += [value for each in selector.get("matchExpressions", ()) for value in each["values"]]
        for process, template in templates.items():
            if template["metadata"]["labels"]["app.kubernetes.io/name"] not in names:
                continue
            scraped.add(process)
            (container,) = template["spec"]["containers"]
            ports = {each["name"]: each["containerPort"] for each in container["ports"]}
            for endpoint in monitor["spec"]["podMetricsEndpoints"]:
                assert template["metadata"]["annotations"] == {
                    "prometheus.io/scrape": "true",
                    "prometheus.io/port": str(ports[endpoint["port"]]),
                    "prometheus.io/path": endpoint["path"],
                }
    assert scraped == {*workloads(), "worker"}
