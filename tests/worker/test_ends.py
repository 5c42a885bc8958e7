"""SIGTERM is a worker's normal end: the message under way is finished, the receipt recorded, the rest goes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from chaos.rig import rig_on


def test_a_worker_that_is_asked_to_end_gives_back_what_is_not_begun_and_leaves_nothing_unclear(database: str) -> None:
    with rig_on(database, 300, sink=("--accept-rate", "400")) as world:
        run_id = world.start(world.campaign())
        first = world.worker()
        world.wait_accepted(20)
        assert world.terminate(first) == 0
        status = world.status(run_id)
        windows = world.connection.execute("SELECT count(*) FROM send_window").fetchone()
        ended = world.connection.execute("SELECT count(*) FROM worker WHERE ended_at IS NULL").fetchone()
        assert (windows, ended, list(world.settings.evidence_dir.iterdir())) == ((0,), (0,), [])
        assert (status.state, status.waiting, status.uncertain) == ("Open", 300 - status.sent, 0)
        assert 20 <= len(world.accepted()) == status.sent < 300
        world.worker()
        world.wait_closed(run_id)
        verdict = world.verdict(run_id)
    assert verdict.is_clean, verdict
    assert (verdict.accepted, verdict.uncertain) == (300, [])


def test_a_worker_with_nothing_to_do_ends_at_once(database: str) -> None:
    with rig_on(database) as world:
        idle = world.worker()
        world.wait_registered(1)
        assert world.terminate(idle) == 0


def test_a_worker_that_cannot_begin_says_why_in_a_line_like_all_others(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("HEROLD_")}
    environ |= {"HEROLD_DATABASE_URL": "postgresql://herold:secret@127.0.0.1:1/none", "HEROLD_STATE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "herold.cli", "worker"]
    ended = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    (line,) = [json.loads(line) for line in ended.stderr.splitlines()]
    assert (ended.returncode, line["event"], line["error"]) == (5, "ended", "Temporary")
    assert "the ledger does not answer" in line["message"]
    assert "secret" not in ended.stderr
