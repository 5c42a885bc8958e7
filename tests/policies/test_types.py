"""Kubernetes' own type checker finds nothing wrong with the policies: no misspelt field, in any kind they judge."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from parts.kubernetes import wait_for
from policies.cases import FOLDER, RULES
from policies.cluster import Cluster

CONTROLLER = "validatingadmissionpolicy-status-controller"


@pytest.fixture
def warnings_of(cluster: Cluster, tmp_path: Path) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """What the checker says of a policy. It is the only part of the controller manager that runs."""
    program = cluster.api.tools["kube-apiserver"].with_name("kube-controller-manager")
    if not program.is_file():
        pytest.skip("kube-controller-manager is not built: make up")
    command = [
        *(str(program), f"--kubeconfig={cluster.api.kubeconfig()}", f"--controllers={CONTROLLER}"),
        *("--leader-elect=false", "--secure-port=0"),
    ]

    def ask(name: str) -> list[dict[str, Any]]:
        path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{name}"

        def seen() -> dict[str, Any] | None:
            found: dict[str, Any] = cluster.api.ask("GET", path)
            status: dict[str, Any] = found.get("status", {})
            return status if status.get("observedGeneration") == found["metadata"]["generation"] else None

        status = wait_for(f"the check of {name}", seen, 60)
        assert "typeChecking" in status
        found: list[dict[str, Any]] = status["typeChecking"].get("expressionWarnings", [])
        return found

    with (tmp_path / "controller.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield ask
    finally:
        process.terminate()
        process.wait(20)


def test_the_checker_knows_the_fields_of_every_kind_and_misses_none(
    cluster: Cluster, warnings_of: Callable[[str], list[dict[str, Any]]]
) -> None:
    wrong = next(yaml.safe_load_all((FOLDER / "known-owner" / "policy.yaml").read_text()))
    wrong["metadata"]["name"] = "misspelt"
    wrong["spec"]["validations"] = [{"expression": "object.spec.governance.ovner == ''", "message": "x"}]
    cluster.api.apply(wrong)
    try:
        (warning,) = warnings_of("misspelt")
        assert "undefined field 'ovner'" in warning["warning"]
        assert {rule: warnings_of(f"herold-{rule}") for rule in RULES} == {rule: [] for rule in RULES}
    finally:
        cluster.api.delete(wrong)
