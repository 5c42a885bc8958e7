"""The programs in the images of the data services decide what these tests say; the drills show that they act so."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from local.cluster.layout import CHECKOUT

NOW = dt.datetime(2026, 12, 1, 9, tzinfo=dt.UTC)


def _program(service: str, name: str) -> ModuleType:
    file = CHECKOUT / "local" / "images" / service / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _member(name: str, role: str, state: str = "running") -> dict[str, Any]:
    return {"name": name, "role": role, "state": state}


def test_who_leads_hands_over_to_the_synchronous_standby_and_waits_while_there_is_none() -> None:
    find = _program("postgres", "hand_over").find_candidate
    leader, replica = _member("postgres-2", "leader"), _member("postgres-0", "replica")
    synchronous = _member("postgres-1", "sync_standby")
    assert find([replica, synchronous, leader], "postgres-2", synchronous=True) == "postgres-1"
    assert find([replica, leader], "postgres-2", synchronous=True) is None
    assert find([replica, leader], "postgres-2", synchronous=False) == "postgres-0"


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ([_member("postgres-0", "leader")], "postgres-0"),
        ([_member("postgres-0", "leader"), _member("postgres-1", "replica")], "postgres-1"),
        ([_member("postgres-0", "leader"), _member("postgres-1", "replica", "stopped")], "postgres-0"),
    ],
    ids=["alone", "does not lead", "the others do not run"],
)
def test_a_member_that_nobody_can_or_must_follow_hands_nothing_over(members: list[dict[str, Any]], name: str) -> None:
    with pytest.raises(LookupError):
        _program("postgres", "hand_over").find_candidate(members, name, synchronous=True)


def _info(*backups: tuple[str, dt.timedelta]) -> list[dict[str, Any]]:
    made = [{"type": kind, "timestamp": {"stop": (NOW - age).timestamp()}} for kind, age in backups]
    return [{"db": [{"id": 1}], "backup": made}]


@pytest.mark.parametrize(
    ("info", "due"),
    [
        ([], "create"),
        ([{"db": [], "backup": []}], "create"),
        (_info(), "full"),
        (_info(("full", dt.timedelta(hours=23))), None),
        (_info(("full", dt.timedelta(days=1))), "diff"),
        (_info(("full", dt.timedelta(days=6)), ("diff", dt.timedelta(hours=2))), None),
        (_info(("full", dt.timedelta(days=7)), ("diff", dt.timedelta(hours=2))), "full"),
        (_info(("diff", dt.timedelta(hours=2))), "full"),
    ],
)
def test_a_full_backup_is_due_each_week_and_one_of_the_difference_each_day(
    info: list[dict[str, Any]], due: str | None
) -> None:
    assert _program("postgres", "keep_backups").find_due(info, NOW) == due


def test_a_member_has_its_name_and_the_passwords_of_its_files(tmp_path: Path) -> None:
    for name in ("superuser", "replication", "rest"):
        (tmp_path / name).write_text(f"{name}-password\n")
    settings: dict[str, Any] = {"kubernetes": {"labels": {}}, "restapi": {}, "postgresql": {"listen": "x"}}
    build = _program("postgres", "start_member").build_whole
    made = build(settings, tmp_path, "postgres-1", "herold-data", "10.0.0.7")
    assert made["name"] == "postgres-1"
    assert made["kubernetes"] == {"labels": {}, "namespace": "herold-data", "pod_ip": "10.0.0.7"}
    assert made["restapi"]["authentication"]["password"] == "rest-password"
    assert made["postgresql"]["connect_address"] == "10.0.0.7:5432"
    assert made["postgresql"]["authentication"]["superuser"] == {
        "username": "postgres",
        "password": "superuser-password",
    }


def test_rabbitmq_is_told_hashes_of_passwords_and_no_password() -> None:
    build = _program("rabbitmq", "start_rabbitmq").build_definitions
    made = build({"users": [{"name": "herold", "tags": []}]}, {"herold": "secret"}, b"salt")
    (user,) = made["users"]
    assert "secret" not in str(made)
    decoded = base64.b64decode(user["password_hash"])
    assert decoded == b"salt" + hashlib.sha256(b"saltsecret").digest()
