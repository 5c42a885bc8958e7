"""The stack `local-test` by the real engine on a real API server, with the stand-in for Kubernetes' plugin between."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from local.engine.local import open_session
from local.engine.session import Judged, Session
from local.engine.tools import Engine

from parts.kubernetes import ApiServer, api_server
from parts.rollouts import rolling_out

__all__ = ["api_server"]
NAMESPACE = "herold-data"
SECRET = {"apiVersion": "v1", "kind": "Secret"}


@pytest.fixture(scope="module")
def session(engine: Engine, api_server: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Session:
    made = open_session(engine, tmp_path_factory.mktemp("local"), api_server.kubeconfig(), {}, context="test")
    made.prepare()
    return made


@pytest.fixture(scope="module")
def made(session: Session, api_server: ApiServer) -> Iterator[Judged]:
    """The stack, applied once."""
    with rolling_out(api_server):
        judged = session.up()
        assert judged.ok, judged.text
        yield judged


def passwords(api_server: ApiServer) -> dict[str, str]:
    """All that was drawn, by Secret and key, as they are in the cluster."""
    found: dict[str, str] = {}
    for service in ("postgres", "redis", "rabbitmq"):
        name = f"{service}-administrator"
        secret = api_server.get({**SECRET, "metadata": {"namespace": NAMESPACE, "name": name}})
        found |= {f"{name}/{key}": base64.b64decode(value).decode() for key, value in secret["data"].items()}
    return found


def test_up_makes_the_namespace_of_data_closed_and_restricted(made: Judged, api_server: ApiServer) -> None:
    labels = api_server.ask("GET", f"/api/v1/namespaces/{NAMESPACE}")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["app.kubernetes.io/managed-by"] == "pulumi"
    path = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies/nothing-else"
    assert api_server.ask("GET", path)["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_each_login_has_a_password_of_its_own_that_is_safe_in_a_url(made: Judged, api_server: ApiServer) -> None:
    found = passwords(api_server)
    services = {"postgres": ("replication", "rest"), "redis": ("client", "replication", "sentinel")}
    services["rabbitmq"] = ("client", "cookie")
    assert set(found) == {
        f"{name}-administrator/{key}" for name, others in services.items() for key in ("password", *others)
    }
    assert len(set(found.values())) == len(found)
    assert all(re.fullmatch("[A-Za-z0-9]{32}", value) for value in found.values())


def test_it_is_said_that_stand_ins_apply_and_what_they_can_not_do(made: Judged) -> None:
    assert "STAND-IN for the Kubernetes provider: it applies to the real API server" in made.text
    assert "Not here: Helm" in made.text


def test_no_secret_is_in_the_state_nor_in_the_output_nor_in_any_file_of_the_session(
    made: Judged, session: Session, api_server: ApiServer
) -> None:
    values = list(passwords(api_server).values())
    coded = [base64.b64encode(value.encode()).decode() for value in values]
    files = [path for path in session.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert any("stacks" in path.parts for path in files)
    texts = {str(path): path.read_text(errors="replace") for path in files} | {"the output": made.text}
    texts["the exported state"] = json.dumps(session.state())
    assert [name for name, text in texts.items() for value in (*values, *coded) if value in text] == []


def test_what_opens_the_state_is_for_its_owner_only(made: Judged, session: Session) -> None:
    assert session.folder.stat().st_mode & 0o777 == 0o700
    assert (session.folder / "passphrase").stat().st_mode & 0o777 == 0o600
    assert len((session.folder / "passphrase").read_text()) >= 40


def test_a_second_time_changes_nothing(made: Judged, session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    again = session.preview()
    seconds = time.monotonic() - began
    with capsys.disabled():
        print(f"\npreview of {len(session.state()['deployment']['resources'])} resources: {seconds:.1f} s")
    assert again.ok, again.text
    assert [str(change) for change in again.changes] == []
    # Nor against what is there, where defaults and status were filled in.
    against = session.preview(refresh=True)
    assert [str(change) for change in against.changes] == []


def test_the_checkout_is_not_written_to(made: Judged, session: Session) -> None:
    settings = Path(__file__).parents[2] / "pulumi" / "stacks" / "Pulumi.local-test.yaml"
    assert "encryptionsalt" not in settings.read_text()
