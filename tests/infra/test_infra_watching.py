"""What watches Herold on AWS: pods are found, alerts reach the topic, old logs go."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from local.cluster.layout import CHECKOUT
from local.engine.recording import Recorded, read_stack, record

from herold_infra.aws.log_store import build_retention
from herold_infra.aws.metrics import NAMESPACES, PORTS, build_alert_manager, build_scrape_configuration
from herold_infra.aws.settings import StackSettings

DEPLOY = CHECKOUT / "operator" / "deploy"


def _scraped_pods() -> list[tuple[str, dict[str, str]]]:
    """Namespace and annotations of the pods that Herold's own manifests would have scraped."""
    found = []
    for path in (DEPLOY / "operator.yaml", DEPLOY / "reader.yaml"):
        for manifest in yaml.safe_load_all(path.read_text()):
            if manifest and manifest["kind"] == "Deployment":
                annotations = manifest["spec"]["template"]["metadata"].get("annotations", {})
                found.append((manifest["metadata"]["namespace"], annotations))
    return found


def test_the_scraper_finds_the_pods_that_want_to_be_asked_at_the_port_that_is_let_through() -> None:
    configuration = yaml.safe_load(build_scrape_configuration("herold-prod-main"))
    (job,) = configuration["scrape_configs"]
    (pods,) = job["kubernetes_sd_configs"]
    assert pods["namespaces"]["names"] == list(NAMESPACES)
    for namespace, said in _scraped_pods():
        assert namespace in NAMESPACES
        labels = {f"__meta_kubernetes_pod_annotation_{re.sub('[^a-z]', '_', k)}": v for k, v in said.items()}
        labels |= {"__meta_kubernetes_pod_ip": "10.40.1.2", "__address__": "10.40.1.2"}
        assert _relabelled(job["relabel_configs"], labels) == {"address": "10.40.1.2:8080", "path": "/metrics"}
    assert PORTS["pods"] == 8080
    assert _relabelled(job["relabel_configs"], {"__meta_kubernetes_pod_ip": "10.40.1.3"}) is None


def _relabelled(steps: list[dict[str, Any]], labels: dict[str, str]) -> dict[str, str] | None:
    """What Prometheus makes of a pod's labels: these steps only replace and keep."""
    labels = dict(labels)
    for step in steps:
        value = ";".join(labels.get(name, "") for name in step["source_labels"])
        match = re.fullmatch(step.get("regex", "(.*)"), value)
        if step.get("action") == "keep":
            if not match:
                return None
        elif match:
            replacement = re.sub(r"\$(\d)", r"\\\1", step.get("replacement", "$1"))
            labels[step["target_label"]] = match.expand(replacement)
    return {"address": labels["__address__"], "path": labels["__metrics_path__"]}


def test_every_alert_rule_of_herold_is_one_of_the_workspace(prod: Recorded) -> None:
    kept = yaml.safe_load((DEPLOY / "alerts" / "herold.rules.yaml").read_text())
    rules = [node.get("data") for node in prod.graph.of("amp/ruleGroupNamespace:RuleGroupNamespace")]
    assert len(rules) == 2, "each region judges its own cluster"
    assert all(yaml.safe_load(data) == kept for data in rules)


def test_an_alert_goes_to_the_topic_that_lets_managed_prometheus_write() -> None:
    made = record("aws-prod", StackSettings.model_validate(read_stack("aws-prod")), preview=False).graph
    for telling in made.of("amp/alertManagerDefinition:AlertManagerDefinition"):
        inner = yaml.safe_load(yaml.safe_load(telling.get("definition"))["alertmanager_config"])
        receivers = {receiver["name"]: receiver for receiver in inner["receivers"]}
        (told,) = receivers[inner["route"]["receiver"]]["sns_configs"]
        (topic,) = made.behind(telling, "definition")
        assert topic.get("region") == telling.get("region") == told["sigv4"]["region"]
        (statement,) = json.loads(topic.get("policy"))["Statement"]
        assert {"aps.amazonaws.com", "budgets.amazonaws.com", "costalerts.amazonaws.com"} <= set(
            statement["Principal"]["Service"]
        )
        assert "sns:Publish" in statement["Action"]


def test_the_alert_manager_has_one_receiver_and_tells_when_it_is_over() -> None:
    outer = yaml.safe_load(build_alert_manager("arn:aws:sns:eu-central-1:123456789012:alarms", "eu-central-1"))
    assert list(outer) == ["alertmanager_config"]
    (receiver,) = yaml.safe_load(outer["alertmanager_config"])["receivers"]
    assert receiver["sns_configs"][0]["send_resolved"] is True


def test_a_monitor_of_services_that_the_account_has_already_is_used_because_there_can_be_one_only() -> None:
    kind, subscription = (f"costexplorer/anomaly{name}:Anomaly{name}" for name in ("Monitor", "Subscription"))
    arn = "arn:aws:ce::123456789012:anomalymonitor/00000000-0000-0000-0000-000000000000"
    for given in ({}, {"monitor": arn}):
        raw = read_stack("aws-staging")
        raw["spending"] |= given
        graph = record("aws-staging", StackSettings.model_validate(raw), preview=False).graph
        (watch,) = graph.of(subscription)
        (watched,) = watch.get("monitorArnLists")
        assert (watched == arn) == bool(given)
        assert len(list(graph.of(kind))) == (0 if given else 1)


def test_an_index_is_deleted_once_its_days_are_over() -> None:
    policy = build_retention(90)["policy"]
    states = {state["name"]: state for state in policy["states"]}
    (old,) = states[policy["default_state"]]["transitions"]
    assert old["conditions"] == {"min_index_age": "90d"}
    assert states[old["state_name"]]["actions"] == [{"delete": {}}]
