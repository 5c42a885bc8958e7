"""The demonstration from its start to its verdict, and that it leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from herold.demo.demo import run_demo
from herold.demo.people import expected_recipients, people
from herold.demo.verdict import Verdict, accepted_recipients, judge
from herold.demo.world import examples
from herold.errors import HeroldError, NotFound

PROGRAM = "from pathlib import Path; from herold.demo.demo import run_demo; "


@pytest.fixture
def state() -> Iterator[Path]:
    """Where demonstrations of this test make their folders: a short path that PostgreSQL's own user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="hd-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def assert_nothing_is_left(state: Path, out: Path) -> None:
    """No file outside of the output, no process: PostgreSQL knows its folder, the relay its log, workers too."""
    assert list(state.iterdir()) == []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        assert str(state) not in line
        assert str(out) not in line


def begin(out: Path, state: Path, *, customers: int) -> subprocess.Popen[str]:
    """A demonstration as a process of its own."""
    call = f"run_demo(Path({str(out)!r}), echo=lambda text: print(text, flush=True), customers={customers}, rate=20)"
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM + call],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(state)},
    )


def test_everybody_gets_it_once_although_a_worker_is_killed(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(state))
    said: list[str] = []
    assert run_demo(tmp_path / "out", echo=said.append, customers=300, rate=150) == 0
    assert re.fullmatch(r"lost 0, twice 0, uncertain \d+", said[-1])
    assert sum("kill -9" in line for line in said) == 1
    assert sum("others took over" in line for line in said) == 1
    # The log itself, read here once more.
    accepted = Counter(accepted_recipients(tmp_path / "out" / "relay.log"))
    assert accepted.keys() == expected_recipients(people(customers=300, seed=1, now=datetime.now(UTC)))
    assert set(accepted.values()) == {1}
    for name in ("plan.html", "plan-win-back.html", "report.html", "inbox.html"):
        page = (tmp_path / "out" / name).read_text("utf-8")
        assert page.startswith("<!DOCTYPE html>")
        assert any(str(tmp_path / "out" / name) in line for line in said)
    report = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert f"{len(accepted):,} planned =" in report
    assert "took over its work" in report
    inbox = (tmp_path / "out" / "inbox.html").read_text("utf-8")
    assert all(f'<span class="tag">{locale}</span>' in inbox for locale in ("de", "en", "pl"))
    assert "DKIM-Signature" in inbox
    assert_nothing_is_left(state, tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_when_it_is_interrupted(tmp_path: Path, state: Path, number: signal.Signals) -> None:
    process = begin(tmp_path / "out", state, customers=300)
    assert process.stdout is not None
    workers: list[int] = []
    for line in process.stdout:
        if found := re.search(r"2 workers: (\d+) and (\d+)", line):
            workers = [int(found[1]), int(found[2])]
            break
    children = psutil.Process(process.pid).children(recursive=True)
    assert {child.pid for child in children} >= set(workers)
    # As a terminal does: to all of the group, and impatient people press it twice.
    for _ in range(2):
        os.killpg(process.pid, number)
    assert process.wait(60) != 0
    process.stdout.close()
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert_nothing_is_left(state, tmp_path)


def test_a_signal_while_a_process_starts_is_heard_after_it(tmp_path: Path, state: Path) -> None:
    process = begin(tmp_path / "out", state, customers=50)
    assert process.stdout is not None
    parent = psutil.Process(process.pid)
    until = time.monotonic() + 20
    while not parent.children() and time.monotonic() < until:
        pass  # the relay is the first of them
    children = parent.children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) != 0
    process.stdout.close()
    assert psutil.wait_procs(children, timeout=10)[1] == []
    assert_nothing_is_left(state, tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HeroldError, match="can't be written"):
        run_demo(tmp_path / "file" / "out", echo=print)


def test_without_the_repository_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("herold.__file__", str(tmp_path / "site-packages" / "lib" / "herold" / "__init__.py"))
    with pytest.raises(NotFound, match="clone the repository"):
        examples()


EXPECTED = {"a@mail.example", "b@mail.example", "c@mail.example"}


@pytest.mark.parametrize(
    ("accepted", "uncertain", "lost", "twice", "strangers", "arrived"),
    [
        (["a", "b", "c"], "", 0, 0, 0, 0),
        (["a", "b"], "", 1, 0, 0, 0),
        (["a", "b"], "c", 0, 0, 0, 0),
        (["a", "b", "c"], "c", 0, 0, 0, 1),
        (["a", "b", "c", "c", "c"], "", 0, 1, 0, 0),
        (["a", "b", "c", "x"], "", 0, 0, 1, 0),
        ([], "", 3, 0, 0, 0),
    ],
)
def test_the_verdict_counts_who_was_forgotten_and_who_got_it_twice(
    accepted: list[str], uncertain: str, lost: int, twice: int, strangers: int, arrived: int
) -> None:
    verdict = judge(EXPECTED, [f"{each}@mail.example" for each in accepted], {f"{u}@mail.example" for u in uncertain})
    assert verdict == Verdict(3, len(accepted), lost, twice, strangers, len(uncertain), arrived)
    assert verdict.good == (lost + twice + strangers == 0)
    assert str(verdict) == f"lost {lost}, twice {twice}, uncertain {len(uncertain)}"
