"""An `up` of the local stack is killed at any moment, again and again; what it made is whole in the end."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from local.engine.local import open_session
from local.engine.session import CommandFailed, Session
from local.engine.tools import Engine

from parts.kubernetes import Answer, ApiServer, api_server
from parts.rollouts import rolling_out

__all__ = ["api_server"]
KILLS = 8
VICTIMS = ("", "pulumi\0up", "local.providers", "pulumi-language-python")
IMAGES = ("postgres", "redis", "rabbitmq")


def kill(session: Session, victim: str) -> None:
    """With -9: everything of the session, or what runs this program."""
    mark = f"PULUMI_HOME={session.folder}/home".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark in (folder / "environ").read_bytes() and victim.encode() in (folder / "cmdline").read_bytes():
                os.kill(int(folder.name), signal.SIGKILL)


def up_and_kill(session: Session, seconds: float, victim: str) -> None:
    def up() -> None:
        # Of one that was killed while it cleared away what the one before had left.
        with contextlib.suppress(CommandFailed):
            session.up(pack=None)

    working = threading.Thread(target=up)
    working.start()
    working.join(seconds)
    kill(session, victim)
    working.join(120)
    assert not working.is_alive()


def secrets(server: ApiServer) -> dict[str, Any]:
    try:
        found = server.ask("GET", "/api/v1/namespaces/herold-data/secrets")["items"]
    except Answer:
        return {}
    return {secret["metadata"]["name"]: (secret["metadata"]["uid"], secret["data"]) for secret in found}


@pytest.mark.chaos
def test_no_kill_of_an_up_costs_a_password_or_leaves_anything_half_done(
    engine: Engine, api_server: ApiServer, tmp_path: Path
) -> None:
    choice = random.Random(1)
    opened = open_session(engine, tmp_path / "session", api_server.kubeconfig(), {}, context="test")
    known: dict[str, Any] = {}
    with rolling_out(api_server):
        for count in range(KILLS):
            # Each has something to do.
            images = {name: f"localhost/{name}@sha256:{str(count) * 64}" for name in IMAGES}
            session = dataclasses.replace(opened, values={**opened.values, "images": images})
            session.prepare()
            up_and_kill(session, choice.uniform(1.0, 6.0), choice.choice(VICTIMS))
            there = secrets(api_server)
            assert {name: there.get(name) for name in known} == known
            known = there
        judged = session.up(pack=None, refresh=True)
        assert judged.ok, judged.text
        assert {name: value for name, value in secrets(api_server).items() if name in known} == known
        again = session.preview(pack=None, refresh=True)
        assert [str(change) for change in again.changes] == []
        assert not session.state()["deployment"].get("pending_operations")
