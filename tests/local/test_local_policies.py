"""NetworkPolicies as packet rules: what is shut, what is let through, and what is not understood."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from local.cluster.herold import build_deployed, build_migration, build_policies
from local.cluster.platform import build_postgres, build_relay
from local.cluster.policies import Opening, Rules, build_rules, build_script, matches

from herold_infra.kubernetes.component import Place
from herold_infra.kubernetes.data_namespace import build_nothing_else
from herold_infra.kubernetes.pods import Volumes
from herold_infra.kubernetes.postgres import PostgresArgs
from herold_infra.kubernetes.postgres import build_postgres as build_replicated
from herold_infra.kubernetes.stack import LEDGER

Item = dict[str, Any]
IMAGE = "localhost/herold:1"
WORKER = {"app.kubernetes.io/name": "herold-worker", "app.kubernetes.io/managed-by": "herold-operator"}
DATA = Place("test", "herold-data")
BUILDER = {"app.kubernetes.io/name": "herold-builder", "app.kubernetes.io/managed-by": "herold-operator"}


def namespace(name: str, **labels: str) -> Item:
    return {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **labels}}}


def pod(place: str, address: str, labels: dict[str, str], *, phase: str = "Running") -> Item:
    status = {"podIP": address, "phase": phase}
    return {"metadata": {"namespace": place, "name": address, "labels": labels}, "spec": {}, "status": status}


def policy(text: str) -> Item:
    return {"metadata": {"name": "try", "namespace": "a"}, "spec": yaml.safe_load(text)}


PODS = [pod("a", "10.0.0.1", {"app": "x"}), pod("a", "10.0.0.2", {"app": "y"}), pod("b", "10.0.0.3", {"app": "x"})]
PLACES = [namespace("a"), namespace("b", kind="shop")]


def rules(*texts: str) -> Rules:
    return build_rules([policy(text) for text in texts], PODS, PLACES)


def test_without_a_policy_nothing_is_shut() -> None:
    assert rules() == Rules(frozenset(), frozenset(), frozenset(), frozenset())


def test_a_policy_shuts_what_it_chooses_and_lets_through_what_it_names() -> None:
    found = rules(
        """
        podSelector: {matchLabels: {app: x}}
        ingress: [{from: [{podSelector: {matchLabels: {app: y}}}], ports: [{port: 80}]}]
        """
    )
    assert found.shut_in == {"10.0.0.1"}
    assert found.shut_out == frozenset()
    assert found.into == {Opening("10.0.0.2", "10.0.0.1", "tcp", 80)}


def test_peers_of_another_namespace_are_chosen_by_both_selectors() -> None:
    found = rules(
        """
        podSelector: {}
        policyTypes: [Egress]
        egress:
        - to: [{namespaceSelector: {matchLabels: {kind: shop}}, podSelector: {matchLabels: {app: x}}}]
          ports: [{port: 53, protocol: UDP}]
        """
    )
    assert found.shut_out == {"10.0.0.1", "10.0.0.2"}
    assert found.out == {Opening(each, "10.0.0.3", "udp", 53) for each in ("10.0.0.1", "10.0.0.2")}


def test_policies_add_up() -> None:
    nothing, one = "podSelector: {}", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.9.0.0/16}}]}]}"
    assert rules(nothing).into == frozenset()
    assert rules(nothing, one).into == rules(one).into != frozenset()


def test_the_address_of_a_pod_that_is_over_is_nobodys() -> None:
    over = [pod("a", "10.0.0.9", {}, phase=phase) for phase in ("Succeeded", "Failed")]
    assert build_rules([policy("podSelector: {}")], over, PLACES).shut_in == frozenset()


@pytest.mark.parametrize(
    "ports", ["[{port: http}]", "[{port: 80, endPort: 90}]", "[]\n  from: [{ipBlock: {cidr: 10.0.0.0/8, except: [x]}}]"]
)
def test_what_is_not_understood_lets_nothing_through_and_is_told(ports: str) -> None:
    found = rules(f"podSelector: {{}}\ningress:\n- ports: {ports}")
    assert found.shut_in == {"10.0.0.1", "10.0.0.2"}
    assert found.into == frozenset()
    assert len(found.not_understood) == 1
    assert found.not_understood[0].startswith("a/try: ")


@pytest.mark.parametrize(
    ("expression", "held"),
    [
        ("{key: app, operator: In, values: [x, y]}", (True, False, False)),
        ("{key: app, operator: NotIn, values: [x, y]}", (False, True, True)),
        ("{key: app, operator: Exists}", (True, True, False)),
        ("{key: app, operator: DoesNotExist}", (False, False, True)),
    ],
)
def test_expressions_choose_as_the_api_says(expression: str, held: tuple[bool, ...]) -> None:
    selector = {"matchExpressions": [yaml.safe_load(expression)]}
    assert tuple(matches(selector, labels) for labels in ({"app": "x"}, {"app": "z"}, {})) == held


def test_herolds_own_policies_open_exactly_the_paths_that_the_table_has() -> None:
    (operator,), (reader,) = (
        [
            item["spec"]["template"]["metadata"]["labels"]
            for item in build_deployed(IMAGE)
            if item["kind"] == "Deployment" and item["metadata"]["name"] == name
        ]
        for name in ("herold-operator", "herold-reader")
    )
    migration = build_migration(IMAGE)["spec"]["template"]["metadata"]["labels"]
    names = {
        "operator": ("herold-platform", operator),
        "reader": ("herold-platform", reader),
        "migration": ("herold-platform", migration),
        "postgres": ("herold-platform", {"app": "postgres"}),
        "replicated": ("herold-data", DATA.selector("postgres")),
        "sink": ("herold-platform", {"app": "sink"}),
        "worker": ("herold-senders", WORKER),
        "builder": ("herold-senders", BUILDER),
        "dns": ("kube-system", {"k8s-app": "kube-dns"}),
        "prometheus": ("monitoring", {}),
        "stranger": ("campaigns-shop", WORKER),
    }
    at = {name: f"10.0.0.{number}" for number, name in enumerate(names)}
    pods = [pod(place, at[name], labels) for name, (place, labels) in names.items()]
    own = ("herold-platform", "herold-senders", "herold-data", "kube-system", "campaigns-shop")
    places = [namespace(each) for each in own]
    places.append(namespace("monitoring", **{"herold.dev/scrapes": "herold"}))
    data = build_replicated(PostgresArgs(DATA, IMAGE, "postgres-administrator", LEDGER, Volumes()))
    items = [each for each in (*build_relay(IMAGE), *build_postgres(IMAGE), *data) if each["kind"] == "NetworkPolicy"]
    found = build_rules([*items, build_nothing_else(DATA), *build_policies()], pods, places)
    assert found.not_understood == ()

    ours = set(names) - {"dns", "prometheus"}
    assert found.shut_in == found.shut_out == {at[name] for name in ours}
    open_ = {
        (one, other, opening.port)
        for one in names
        for other in names
        for opening in found.into | found.out
        if opening.source in (at[one], "0.0.0.0/0") and opening.destination in (at[other], "0.0.0.0/0")
        if goes(found, at[one], at[other], opening)
    }
    asks = {
        (name, "dns", port) for name in ours - {"postgres", "replicated", "sink", "stranger"} for port in (53, 1053)
    }
    workers = ("operator", "reader", "migration", "worker", "builder")
    ledger = {(name, database, 5432) for name in workers for database in ("postgres", "replicated")}
    scrapes = {("prometheus", name, 8080) for name in ("operator", "reader", "worker")}
    asked = {(name, "reader", 8443) for name in ("dns", "prometheus")}
    api = {
        (name, other, port)
        for name in ("operator", "reader", "replicated")
        for other in ("dns", "prometheus")
        for port in (443, 6443)
    }
    assert open_ - {each for each in open_ if each[0] == each[1]} == (
        asks | ledger | {("worker", "sink", 2525)} | scrapes | asked | api
    )


def goes(found: Rules, one: str, other: str, opening: Opening) -> bool:
    """Whether both ends let a connection of this protocol and port through."""

    def lets(openings: frozenset[Opening]) -> bool:
        return any(
            each.source in (one, "0.0.0.0/0")
            and each.destination in (other, "0.0.0.0/0")
            and (each.protocol, each.port) == (opening.protocol, opening.port)
            for each in openings
        )

    return (one not in found.shut_out or lets(found.out)) and (other not in found.shut_in or lets(found.into))


def test_the_script_replaces_the_table_at_once() -> None:
    script = build_script(
        rules("podSelector: {}", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.9.0.0/16}}]}]}")
    )
    assert script.startswith(
        "table inet herold-policies\ndelete table inet herold-policies\ntable inet herold-policies {"
    )
    assert "ip saddr 10.9.0.0/16 ip daddr 10.0.0.1 meta l4proto tcp return" in script
    assert script.count("drop") == 2
