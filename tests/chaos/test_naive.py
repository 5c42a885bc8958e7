"""The oracle must fail a sender that loses, and one that repeats."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chaos import naive
from chaos.oracle import Verdict, judge
from chaos.rig import Rig, rig_on

pytestmark = pytest.mark.chaos


def run_with_one_kill(world: Rig, stored: str) -> Verdict:
    naive.prepare(world.connection, world.addresses)
    command = [sys.executable, naive.__file__, stored, world.url, str(world.sink.port), "hello-1:campaigns-shop"]
    stop = world.sink.control.watch("dot", naive.BATCH + naive.BATCH // 2)
    first = subprocess.Popen(command)
    try:
        world.sink.control.wait_hit()
    finally:
        first.kill()
        first.wait()
    world.sink.control.drop(stop)
    subprocess.run(command, check=True, timeout=60)
    return world.verdict(0)


def test_a_sender_that_stores_progress_when_it_fetches_loses_messages(database: str) -> None:
    with rig_on(database, 200) as world:
        verdict = run_with_one_kill(world, "before")
    assert len(verdict.lost) == naive.BATCH // 2 + 1
    assert not verdict.is_clean


def test_a_sender_that_stores_progress_when_it_sent_sends_twice(database: str) -> None:
    with rig_on(database, 200) as world:
        verdict = run_with_one_kill(world, "after")
    assert len(verdict.twice) == naive.BATCH // 2 - 1
    assert not verdict.is_clean


def test_the_oracle_names_everything_that_can_be_wrong() -> None:
    verdict = judge(
        ["lost@x.test", "twice@x.test", "untrue@x.test", "told@x.test", "unclear@x.test", "lied@x.test"],
        ["twice@x.test", "twice@x.test", "untrue@x.test", "stranger@x.test"],
        {"untrue@x.test": "failed", "told@x.test": "suppressed", "unclear@x.test": "uncertain", "lied@x.test": "sent"},
    )
    assert verdict.lost == ["lied@x.test", "lost@x.test"]
    assert verdict.twice == ["twice@x.test"]
    assert verdict.strangers == ["stranger@x.test"]
    assert verdict.untrue == ["untrue@x.test"]
    assert verdict.uncertain == ["unclear@x.test"]
    assert (verdict.expected, verdict.accepted) == (6, 4)
