"""What the stand-in for Kubernetes' plugin does to a real API server, and what it leaves alone."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from local.cluster.layout import CHECKOUT
from local.engine.local import open_session
from local.engine.session import Busy, CommandFailed, Judged, Session
from local.engine.tools import Engine

from parts.controllers import controllers_of
from parts.kubernetes import Answer, ApiServer, api_server, wait_for

__all__ = ["api_server"]
PROGRAM = Path(__file__).with_name("workload.py")
IMAGE, NEWER = "localhost/one:1", "localhost/one:2"
Open = Callable[..., Session]


@pytest.fixture(scope="module")
def cluster(api_server: ApiServer) -> Iterator[ApiServer]:
    with controllers_of(api_server):
        yield api_server


@pytest.fixture
def namespace() -> str:
    return f"data-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def opened(engine: Engine, cluster: ApiServer, tmp_path: Path, namespace: str) -> Open:
    """A session of the small program, with these settings; the same state for each call."""
    project = tmp_path / "program"
    (project / "pulumi" / "stacks").mkdir(parents=True)
    shutil.copyfile(CHECKOUT / "Pulumi.yaml", project / "Pulumi.yaml")
    shutil.copyfile(PROGRAM, project / "pulumi" / "__main__.py")
    (project / "pulumi" / "herold_infra").symlink_to(CHECKOUT / "pulumi" / "herold_infra")
    settings = {"namespace": namespace, "context": "test", "image": IMAGE}

    def opened(**values: Any) -> Session:
        stack = {"config": {"herold:stack": settings | values}}
        (project / "pulumi" / "stacks" / "Pulumi.local-test.yaml").write_text(yaml.safe_dump(stack))
        session = open_session(engine, tmp_path / "session", cluster.kubeconfig(), {})
        session = dataclasses.replace(session, project=project)
        session.prepare()
        return session

    return opened


def up(session: Session, **options: Any) -> Judged:
    judged = session.up(pack=None, **options)
    assert judged.ok, judged.text
    return judged


def told(judged: Judged) -> list[str]:
    return [str(change) for change in judged.changes]


def of(namespace: str, kind: str, name: str) -> dict[str, Any]:
    version = "apps/v1" if kind in ("StatefulSet", "Deployment") else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"namespace": namespace, "name": name}}


def test_an_edit_by_hand_is_found_and_named_and_the_next_up_mends_it(
    opened: Open, cluster: ApiServer, namespace: str
) -> None:
    session = opened(setting={"colour": "blue", "size": "1"}, set=0)
    up(session)
    hand = ("--namespace", namespace)
    cluster.kubectl("patch", "configmap", "setting", *hand, "--patch", json.dumps({"data": {"colour": "red"}}))
    cluster.kubectl("set", "image", "statefulset/set", *hand, f"set={NEWER}")
    assert told(session.preview(pack=None)) == [], "without a refresh the state is believed"
    assert sorted(told(session.preview(pack=None, refresh=True))) == [
        "update ConfigMap setting: data.colour",
        "update StatefulSet set: spec.template.spec.containers[0].image",
    ]
    up(session, refresh=True)
    assert cluster.get(of(namespace, "ConfigMap", "setting"))["data"] == {"colour": "blue", "size": "1"}
    assert told(session.preview(pack=None, refresh=True)) == []


def test_what_others_add_and_what_the_api_server_fills_in_is_no_drift(
    opened: Open, cluster: ApiServer, namespace: str
) -> None:
    session = opened(setting={"colour": "blue"}, set=0, deployment=0, secret={"password": "correct horse"})
    up(session)
    hand = ("--namespace", namespace)
    cluster.kubectl("label", "configmap", "setting", *hand, "team=shop")
    cluster.kubectl("patch", "configmap", "setting", *hand, "--patch", json.dumps({"data": {"more": "x"}}))
    assert told(session.refresh()) == []
    up(session, refresh=True)
    assert cluster.get(of(namespace, "ConfigMap", "setting"))["data"] == {"colour": "blue", "more": "x"}


def test_what_was_deleted_by_hand_is_made_again(opened: Open, cluster: ApiServer, namespace: str) -> None:
    session = opened(setting={"colour": "blue"})
    up(session)
    cluster.delete(of(namespace, "ConfigMap", "setting"))
    assert told(session.preview(pack=None, refresh=True)) == ["create ConfigMap setting"]
    up(session, refresh=True)
    assert cluster.get(of(namespace, "ConfigMap", "setting"))["data"] == {"colour": "blue"}


def test_a_field_that_somebody_else_declares_is_refused_with_his_name_and_nothing_is_changed(
    opened: Open, cluster: ApiServer, namespace: str
) -> None:
    up(opened(setting={"colour": "blue"}))
    cluster.apply({**of(namespace, "ConfigMap", "setting"), "data": {"colour": "red"}})
    session = opened(setting={"colour": "green"})
    for judged in (session.preview(pack=None), session.up(pack=None)):
        assert not judged.ok
        assert "data.colour belongs to tests" in judged.text
        assert "1 field(s) are declared by somebody else; nothing was changed" in judged.text
    assert cluster.get(of(namespace, "ConfigMap", "setting"))["data"] == {"colour": "red"}


def test_what_somebody_else_made_is_not_taken_over(opened: Open, cluster: ApiServer, namespace: str) -> None:
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"a": "b"}}})
    session = opened()
    for judged in (session.preview(pack=None), session.up(pack=None)):
        assert not judged.ok
        assert f"Namespace {namespace} is there already, made by tests" in judged.text


def test_another_image_rolls_a_set_and_never_replaces_it(opened: Open, cluster: ApiServer, namespace: str) -> None:
    # No pod of it ever becomes ready here, and it is not waited for.
    up(opened(set=1, skip=True))
    before = cluster.get(of(namespace, "StatefulSet", "set"))["metadata"]["uid"]
    session = opened(set=1, skip=True, image=NEWER)
    expected = ["update StatefulSet set: spec.template.spec.containers[0].image"]
    assert told(session.preview(pack=None)) == expected
    assert told(up(session)) == expected
    after = cluster.get(of(namespace, "StatefulSet", "set"))
    assert after["metadata"]["uid"] == before
    assert after["spec"]["template"]["spec"]["containers"][0]["image"] == NEWER


def test_what_the_api_server_lets_nobody_change_is_a_replacement_which_protection_refuses(
    opened: Open, cluster: ApiServer, namespace: str
) -> None:
    up(opened(set=0, protect=True))
    before = cluster.get(of(namespace, "StatefulSet", "set"))["metadata"]["uid"]
    session = opened(set=0, protect=True, service="another")
    for judged in (session.preview(pack=None), session.up(pack=None)):
        assert not judged.ok
        assert "protect" in judged.text
    assert cluster.get(of(namespace, "StatefulSet", "set"))["metadata"]["uid"] == before
    up(opened(set=0, protect=False))
    session = opened(set=0, protect=False, service="another")
    assert "replace StatefulSet set: spec.serviceName" in told(session.preview(pack=None))
    up(session)
    after = cluster.get(of(namespace, "StatefulSet", "set"))
    assert after["metadata"]["uid"] != before
    assert after["spec"]["serviceName"] == "another"


def test_a_deployment_that_does_not_become_ready_is_an_error_that_says_why_and_is_tried_again(
    opened: Open, cluster: ApiServer
) -> None:
    up(opened(deployment=0))
    judged = opened(deployment=2).up(pack=None)
    assert not judged.ok
    assert "was not ready within 3 s: 0 of 2 pods available" in judged.text
    assert told(up(opened(deployment=0))) == ["update Deployment deployment"]
    assert told(opened(deployment=0).preview(pack=None)) == []


def test_a_secret_is_in_no_error_of_the_api_server_that_the_engine_prints(
    opened: Open, cluster: ApiServer, namespace: str
) -> None:
    value = "correct horse battery staple"
    # Refused with the whole of the wrong value in the API server's answer.
    judged = opened(affinity=value).up(pack=None)
    assert not judged.ok
    assert "[secret]" in judged.text
    assert value not in judged.text


def test_a_lost_state_makes_no_new_secret_in_the_place_of_one_that_opens_data(
    opened: Open, cluster: ApiServer, namespace: str
) -> None:
    session = opened(secret={"password": "correct horse"})
    up(session)
    before = cluster.get(of(namespace, "Secret", "secret"))["data"]
    shutil.rmtree(session.folder)
    judged = opened(secret={"password": "another one"}).up(pack=None)
    assert not judged.ok
    assert f"Secret {namespace}/secret is there already with another content" in judged.text
    assert cluster.get(of(namespace, "Secret", "secret"))["data"] == before
    # With its passphrase alone lost, the state is not thought to be empty either.
    (session.folder / "passphrase").unlink()
    with pytest.raises(CommandFailed, match="put it back"):
        opened(secret={"password": "another one"})


def test_destroy_refuses_what_is_protected_and_else_leaves_nothing(
    opened: Open, cluster: ApiServer, namespace: str
) -> None:
    session = opened(set=0, protect=True, setting={"colour": "blue"}, secret={"password": "correct horse"})
    up(session)
    refused = session.destroy()
    assert not refused.ok
    assert "protect" in refused.text
    assert cluster.get(of(namespace, "StatefulSet", "set"))
    gone = session.destroy(protected=True)
    assert gone.ok, gone.text
    with pytest.raises(Answer) as error:
        cluster.ask("GET", f"/api/v1/namespaces/{namespace}")
    assert error.value.code == 404
    assert session.state()["deployment"].get("resources", []) == []


def running(session: Session, program: str) -> int | None:
    """The process of the session that runs this program."""
    mark = f"PULUMI_HOME={session.folder}/home".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes() and program.encode() in (folder / "cmdline").read_bytes():
                return int(folder.name)
        except OSError:
            continue
    return None


def waits(cluster: ApiServer, namespace: str) -> Callable[[], Any]:
    def there() -> Any:
        try:
            return cluster.get(of(namespace, "StatefulSet", "set"))
        except Answer:
            return None

    return there


@pytest.mark.parametrize("victim", ["pulumi\0up", "local.providers.kubernetes", "pulumi-language-python"])
def test_whatever_is_killed_in_the_middle_of_an_up_the_next_one_gets_there(
    victim: str, opened: Open, cluster: ApiServer, namespace: str
) -> None:
    session = opened(set=1, setting={"colour": "blue"})
    ended: list[Judged] = []
    working = threading.Thread(target=lambda: ended.append(session.up(pack=None)))
    working.start()
    # It waits for a pod that never becomes ready.
    wait_for("the set", waits(cluster, namespace), 60)
    pid = wait_for(victim, lambda: running(session, victim))
    os.kill(pid, signal.SIGKILL)
    if victim == "pulumi-language-python":
        os.kill(wait_for("the engine", lambda: running(session, "pulumi\0up")), signal.SIGKILL)
    working.join(60)
    assert ended
    assert not ended[0].ok
    again = opened(set=0, setting={"colour": "blue"})
    up(again, refresh=True)
    assert told(again.preview(pack=None, refresh=True)) == []
    assert not again.state()["deployment"].get("pending_operations")
    assert cluster.get(of(namespace, "StatefulSet", "set"))["spec"]["replicas"] == 0
    wait_for("the end of everything of the session", lambda: running(session, "") is None)


def test_what_a_killed_engine_had_begun_to_write_is_in_nobodys_way(opened: Open, cluster: ApiServer) -> None:
    session = opened(setting={"colour": "blue"})
    up(session)
    stored = next((session.folder / "state").rglob("local-test.json"))
    assert not list(stored.parent.glob("*.attrs"))
    stored.with_name("local-test.json.attrs").touch()
    stored.with_name("local-test.json.1764135648.tmp").write_text("half of it")
    lock = session.folder / "state" / ".pulumi" / "locks" / "organization" / "herold" / "local-test" / "stale.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text('{"pid": 1}')
    assert told(up(session, refresh=True)) == []
    assert not list(stored.parent.glob("*.tmp"))


def test_an_engine_whose_caller_was_killed_is_ended_by_the_next_session_and_never_runs_beside_it(
    opened: Open, cluster: ApiServer, namespace: str, tmp_path: Path
) -> None:
    session = opened(set=1)
    script = (
        "import sys; from pathlib import Path; from local.engine.session import *; from local.engine.tools import *;"
        "Session(find_engine(), Path(sys.argv[1]), 'local-test', Path(sys.argv[2]), real=True,"
        " environ={'KUBECONFIG': sys.argv[3]}).up(pack=None)"
    )
    words = [sys.executable, "-c", script, str(session.folder), str(session.project), str(cluster.kubeconfig())]
    caller = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(CHECKOUT)})
    try:
        wait_for("the set", waits(cluster, namespace), 60)
        with pytest.raises(Busy, match="another session is at work"):
            session.up(pack=None)
    finally:
        caller.kill()
        caller.wait()
    orphan = wait_for("the engine", lambda: running(session, "pulumi\0up"))
    up(opened(set=0), refresh=True)
    assert not Path(f"/proc/{orphan}").exists()
    assert cluster.get(of(namespace, "StatefulSet", "set"))["spec"]["replicas"] == 0
