"""What is no pod: facts of an environment in Git, checked whole, and what its overlay opens by them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from herold.errors import InvalidInput
from herold_delivery.declared import Cluster, read_clusters
from herold_delivery.openings import OVERLAYS, PATCHES, build_openings
from herold_delivery.render import main

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "https://git.example/herold.git"
FACTS: dict[str, Any] = {
    "ledger": {"ranges": ["10.9.4.0/24", "10.9.5.0/24"], "port": 6432},
    "relays": [
        {"host": "smtp.one.example", "ranges": ["10.9.16.0/20"], "ports": [465, 587]},
        {"host": "smtp.two.example", "ranges": ["8.8.8.0/24", "2001:4860::/48"]},
    ],
    "scrapers": {"ranges": ["10.9.16.0/20", "fd00:9::/64"]},
}
SENDER = ROOT / "gitops/campaigns/test/shared/sender.yaml"


def mistakes_of(folder: Path, outside: Any) -> dict[str, str]:
    """What is said of a cluster.yaml with these facts, by path."""
    file = folder / "test" / "cluster.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(yaml.safe_dump({"repository": REPOSITORY, "outside": outside}))
    with pytest.raises(InvalidInput) as raised:
        read_clusters(folder)
    return {each.path: each.message for each in raised.value.mistakes}


def test_every_wrong_fact_is_named_with_its_path_at_once(tmp_path: Path) -> None:
    said = mistakes_of(
        tmp_path,
        {
            "ledger": {"ranges": ["0.0.0.0/0", "10.9.4.0/24", "10.9.4.1/24", "10.9.4", "10.0.0.0/8"], "port": 0},
            "relays": [
                {"ranges": ["127.0.0.0/24", "169.254.169.254/32"], "ports": [True, 70000]},
                {"host": "https://smtp.example", "ranges": [], "prots": [25]},
            ],
            "scrapers": {"ranges": ["8.8.8.0/24", "10.9.4.7", 10]},
            "scraper": {},
        },
    )
    assert said.keys() == {
        *(f"outside.ledger.ranges.{number}" for number in (0, 2, 3, 4)),
        "outside.ledger.port",
        "outside.relays.0.host",
        *(f"outside.relays.0.ranges.{number}" for number in (0, 1)),
        *(f"outside.relays.0.ports.{number}" for number in (0, 1)),
        *(f"outside.relays.1.{name}" for name in ("host", "ranges", "prots")),
        *(f"outside.scrapers.ranges.{number}" for number in (0, 1, 2)),
        "outside.scraper",
    }
    assert said["outside.ledger.ranges.0"] == (
        "0.0.0.0/0 is too wide: write ranges of /16 or narrower, the ones that you mean"
    )
    assert said["outside.ledger.ranges.2"] == "10.9.4.1/24 is not written as its range: write 10.9.4.0/24"
    assert said["outside.ledger.ranges.3"].startswith("'10.9.4' is no range")
    assert said["outside.scrapers.ranges.0"].startswith("8.8.8.0/24 is not private")
    assert said["outside.scrapers.ranges.1"].endswith("write 10.9.4.7/32")


@pytest.mark.parametrize("everywhere", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "128.0.0.0/1", "10.0.0.0/8", "fc00::/7"])
@pytest.mark.parametrize("part", ["ledger", "relays", "scrapers"])
def test_no_fact_opens_nearly_everything(tmp_path: Path, part: str, everywhere: str) -> None:
    ranges = {"ranges": [everywhere]}
    outside = {part: [{"host": "smtp.example", **ranges}] if part == "relays" else ranges}
    assert [message.partition(": ")[0] for message in mistakes_of(tmp_path, outside).values()] == [
        f"{everywhere} is too wide"
    ]


def openings_of(outside: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    cluster = Cluster.model_validate({"environment": "test", "repository": REPOSITORY, "outside": outside})
    return {(item["metadata"]["namespace"], item["metadata"]["name"]): item["spec"] for item in build_openings(cluster)}


def test_facts_become_openings_of_exactly_these_ranges_and_ports() -> None:
    found = openings_of(FACTS)
    ledger = [{"to": blocks("10.9.4.0/24", "10.9.5.0/24"), "ports": [{"port": 6432}]}]
    relays = [
        {"to": blocks("10.9.16.0/20"), "ports": [{"port": 465}, {"port": 587}]},
        {"to": blocks("8.8.8.0/24", "2001:4860::/48"), "ports": [{"port": 587}]},
    ]
    assert found["herold-senders", "senders-to-ledger"] == {"egress": ledger}
    assert found["herold-senders", "senders-to-relay"] == {"egress": relays}
    for namespace in ("herold-platform", "herold-senders"):
        (rule,) = found[namespace, "metrics"]["ingress"]
        assert rule["from"][1:] == blocks("10.9.16.0/20", "fd00:9::/64")
        assert rule["ports"] == [{"port": 8080}]


def blocks(*ranges: str) -> list[dict[str, Any]]:
    return [{"ipBlock": {"cidr": each}} for each in ranges]


def test_what_is_not_said_stays_as_it_is() -> None:
    assert openings_of({}) == {}
    assert openings_of({"scrapers": FACTS["scrapers"]}).keys() == {
        ("herold-platform", "metrics"),
        ("herold-senders", "metrics"),
    }


def test_every_way_to_a_ledger_or_relay_that_is_a_pod_is_replaced_and_every_patch_has_its_policy() -> None:
    """A new policy that names such a pod can't be forgotten here."""
    deployed = yaml.safe_load_all((ROOT / "operator/deploy/networkpolicies.yaml").read_text(encoding="utf-8"))
    policies = {(item["metadata"]["namespace"], item["metadata"]["name"]): item["spec"] for item in deployed}
    pods = ("{'app': 'postgres'}", "{'app': 'sink'}", "{'herold.dev/scrapes': 'herold'}")
    named = {
        key
        for key, spec in policies.items()
        if any(pod in str([spec.get("egress"), spec.get("ingress")]) for pod in pods)
    }
    found = openings_of(FACTS)
    assert found.keys() == named
    for key, patch in found.items():
        assert patch.keys() == policies[key].keys() & {"egress", "ingress"}


def test_the_ports_of_pods_are_those_that_the_policies_of_pods_name() -> None:
    """Defaults here, and what stands in operator/deploy, are one."""
    deployed = yaml.safe_load_all((ROOT / "operator/deploy/networkpolicies.yaml").read_text(encoding="utf-8"))
    policies = {(item["metadata"]["namespace"], item["metadata"]["name"]): item["spec"] for item in deployed}
    found = openings_of({"ledger": {"ranges": ["10.9.4.0/24"]}, "scrapers": FACTS["scrapers"]})
    for key, patch in found.items():
        for side, (rule,) in patch.items():
            assert rule["ports"] == policies[key][side][0]["ports"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The part of this repository that is rendered, to be changed."""
    shutil.copytree(ROOT / "gitops", tmp_path / "gitops")
    return tmp_path


def edit(file: Path, change: Callable[[Any], None]) -> None:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def test_a_changed_fact_makes_the_patches_stale_and_is_written(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(
        checkout / "gitops/clusters/prod/cluster.yaml",
        lambda content: content["outside"]["ledger"].update(ranges=["10.77.4.0/24"]),
    )
    assert main(["--check", "--root", str(checkout)]) == 1
    assert capsys.readouterr().out == f"gitops/{OVERLAYS}/prod/{PATCHES} is stale: make generate\n"
    assert main(["--root", str(checkout)]) == 0
    assert "10.77.4.0/24" in (checkout / "gitops" / OVERLAYS / "prod" / PATCHES).read_text(encoding="utf-8")
    assert main(["--check", "--root", str(checkout)]) == 0


def test_an_overlay_that_leaves_its_patches_out_or_takes_some_that_are_not_there_is_named(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlays = checkout / "gitops" / OVERLAYS
    edit(overlays / "prod/kustomization.yaml", lambda content: content["patches"].remove({"path": PATCHES}))
    edit(checkout / "gitops/clusters/staging/cluster.yaml", lambda content: content.pop("outside"))
    assert main(["--check", "--root", str(checkout)]) == InvalidInput.exit_code
    said = capsys.readouterr().err
    assert said.startswith("3 mistakes")
    assert "shared/sender.yaml:" in said, "what sends in staging has no relay any more"
    assert "overlays/prod/kustomization.yaml: patches: outside.yaml is left out" in said
    assert "overlays/staging/kustomization.yaml: patches: there is no outside.yaml" in said


def test_a_sender_whose_relay_the_policies_shut_off_is_named_before_it_sends_nothing(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    relays = {
        "ok": ("email-smtp.eu-central-1.amazonaws.com", 587),
        "port": ("email-smtp.eu-central-1.amazonaws.com", 465),
        "host": ("email-smtp.us-east-1.amazonaws.com", 587),
        "pod": ("sink.herold-platform.svc.cluster.local", 25),
    }
    for name, (host, port) in relays.items():
        sender = yaml.safe_load(SENDER.read_text(encoding="utf-8"))
        sender["metadata"].update(name=name, labels={"herold.dev/environment": "prod"})
        sender["spec"]["route"] = {"host": host, "port": port, "tls": "StartTls"}
        file = checkout / f"gitops/campaigns/prod/shared/{name}.yaml"
        file.write_text(yaml.safe_dump(sender, sort_keys=False), encoding="utf-8")
    assert main(["--check", "--root", str(checkout)]) == InvalidInput.exit_code
    said = capsys.readouterr().err
    assert said.startswith("2 mistakes")
    for name in ("port", "host"):
        host, port = relays[name]
        assert f"/{name}.yaml:" in said
        assert f"spec.route.host: {host} at port {port} is not open to pods in prod" in said
    assert "fix: name it in gitops/clusters/prod/cluster.yaml, under outside.relays" in said
