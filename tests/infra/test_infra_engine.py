"""The stacks through the real engine, with the stand-in for AWS: what only the engine can show."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from local.cluster.layout import CHECKOUT
from local.engine.local import open_session
from local.engine.session import CommandFailed, Judged, Session
from local.engine.tools import Engine

from herold_policies.catalogue import all_rules
from infra import inside
from infra.lines import LINES, Line
from parts.kubernetes import api_server_in

RULES = [rule.name for rule in all_rules()]


@pytest.fixture(scope="session")
def production(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Session:
    session = Session(engine, tmp_path_factory.mktemp("production"), "aws-prod")
    session.prepare()
    return session


@pytest.fixture(scope="session")
def staging_session(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Session:
    session = Session(engine, tmp_path_factory.mktemp("staging"), "aws-staging")
    session.prepare()
    return session


@pytest.fixture(scope="session")
def broken(engine: Engine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Judged:
    """Production with one broken line for each rule, previewed once for all workers of a run."""

    def preview() -> Judged:
        copy = _copy_broken(tmp_path_factory.mktemp("broken"), LINES)
        session = Session(engine, tmp_path_factory.mktemp("state"), "aws-prod", copy)
        session.prepare()
        return session.preview()

    return _once("broken", tmp_path_factory, request, preview)


@pytest.fixture(scope="session")
def broken_inside(engine: Engine, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Judged:
    """The same of what is inside a cluster: the API server is asked as well."""

    def preview() -> Judged:
        copy = _copy_broken(tmp_path_factory.mktemp("broken-inside"), inside.LINES)
        with api_server_in(tmp_path_factory.mktemp("kubernetes")) as server:
            session = open_session(engine, tmp_path_factory.mktemp("state"), server.kubeconfig(), {}, context="test")
            session = replace(session, project=copy)
            session.prepare()
            return session.preview()

    return _once("broken-inside", tmp_path_factory, request, preview)


def _once(
    name: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest, preview: Callable[[], Judged]
) -> Judged:
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    kept = shared / f"{name}.json"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            judged = preview()
            kept.write_text(json.dumps([judged.code, judged.said, judged.complained]))
    return Judged(*json.loads(kept.read_text()))


def _copy_broken(copy: Path, lines: Mapping[str, Line]) -> Path:
    shutil.copyfile(CHECKOUT / "Pulumi.yaml", copy / "Pulumi.yaml")
    shutil.copytree(CHECKOUT / "pulumi", copy / "pulumi", ignore=shutil.ignore_patterns("__pycache__"))
    # The program reads the alert rules from where they stand beside it.
    shutil.copytree(CHECKOUT / "operator" / "deploy" / "alerts", copy / "operator" / "deploy" / "alerts")
    for line in lines.values():
        _break(copy, line)
    return copy


def _break(copy: Path, line: Line) -> None:
    path = copy / "pulumi" / line.file
    text = path.read_text()
    assert text.count(line.old) >= 1, f"{line.file} has no {line.old!r}: the test breaks nothing"
    path.write_text(text.replace(line.old, line.new, 1))


def test_production_previews_without_a_violation_and_says_that_aws_is_a_stand_in(production: Session) -> None:
    judged = production.preview()
    assert judged.ok, judged.text
    assert "STAND-IN for the AWS provider" in judged.text
    assert "mandatory" not in judged.text


def test_what_was_made_has_no_secret_in_clear_and_a_second_time_changes_nothing(staging_session: Session) -> None:
    made = staging_session.up()
    assert made.ok, made.text
    state = staging_session.state()
    assert len(state["deployment"]["resources"]) > 100
    assert [resource["urn"] for resource in state["deployment"]["resources"] if _bare_secrets(resource)] == []
    again = staging_session.preview()
    assert again.ok, again.text
    changed = [word for word in ("to create", "to update", "to delete", "to replace") if word in again.text]
    assert changed == [], again.text


def test_an_engine_whose_time_is_over_leaves_no_process_behind(
    production: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.engine.session.SECONDS", 2.0)
    with pytest.raises(CommandFailed, match="did not end within 2 s"):
        production.preview()
    left = [path for path in Path("/proc").glob("[0-9]*/cmdline") if _mentions(path, str(production.folder))]
    assert left == []


def _mentions(path: Path, words: str) -> bool:
    try:
        return words.encode() in path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _bare_secrets(resource: dict[str, object]) -> bool:
    text = json.dumps({"inputs": resource.get("inputs", {}), "outputs": resource.get("outputs", {})})
    return any(f'"{word}": "' in text for word in ("password", "result", "secretString", "authToken", "masterPassword"))


@pytest.mark.rule
@pytest.mark.parametrize("rule_name", RULES)
def test_one_broken_line_of_the_program_is_refused_by_the_engine(
    rule_name: str, request: pytest.FixtureRequest
) -> None:
    within = rule_name in inside.LINES
    broken: Judged = request.getfixturevalue("broken_inside" if within else "broken")
    line = inside.LINES[rule_name] if within else LINES[rule_name]
    assert not broken.ok
    caught = [text for text in broken.text.splitlines() if f"  {rule_name} " in text and "[mandatory]" in text]
    assert any(line.blamed in text for text in caught), broken.text[-4000:]
