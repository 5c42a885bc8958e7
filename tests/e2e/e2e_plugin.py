"""`kubectl campaign` on the real cluster, run as an administrator runs it: with a certificate, through kubectl itself.

The relay's own log decides. Not collected by default: needs root. make e2e
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from local.cluster.progress import wait_until

from e2e.cluster import Cluster
from e2e.operators import no_operator
from e2e.people import TEAM, Crowd

Gather = Callable[[int], Crowd]
PER_SECOND = 40
FAST = 400  # the rest, once nothing more is done to it
WITHIN = 2.0


def plugin(cluster: Cluster, *words: str) -> subprocess.CompletedProcess[str]:
    """`kubectl campaign WORDS`."""
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environ = {**os.environ, "PATH": programs, "KUBECONFIG": str(cluster.kubectl.kubeconfig)}
    command = [cluster.kubectl.program, "campaign", *words, "-n", TEAM]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environ, check=False)


def must(cluster: Cluster, *words: str) -> Any:
    """The same with `-o json`, for what must succeed."""
    done = plugin(cluster, *words, "-o", "json")
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def test_with_the_operator_dead_a_hold_stops_the_mails_and_its_return_lets_them_go_on(
    cluster: Cluster, gather: Gather
) -> None:
    crowd = gather(1200)
    cluster.start(crowd, per_second=PER_SECOND)
    cluster.wait_accepted(crowd, 100)
    with no_operator(cluster):
        began = time.time()
        told = must(cluster, "hold", crowd.name, "--reason", "wrong price")
        whole = time.time() - began
        asked_by = time.time()
        wait_until("what would still come", lambda: time.time() > asked_by + 2 * WITHIN, seconds=30)
        at_rest = cluster.accepted(crowd)
        asked = datetime.fromisoformat(told["askedTime"]).timestamp()
        last = max(each.at for each in at_rest)
        late = last - asked
        print(
            f"\nhold with the operator dead: held by {told['by']} {told['seconds']:.2f} s after the API was asked, "
            f"{asked - began:.2f} s after the command began (it took {whole:.2f} s); the last mail {late:.2f} s "
            f"after the API was asked, {len(at_rest)} of 1200"
        )
        assert (told["by"], told["operatorConfirmed"]) == ("readService", False)
        assert late < WITHIN
        assert len(at_rest) < 1200

        report = must(cluster, "report", crowd.name)
        assert (report["outcomes"]["sent"], report["outcomes"]["uncertain"]) == (len(at_rest), 0)
        sent = must(cluster, "deliveries", crowd.name, "--outcome", "sent")
        assert len(sent) == len(at_rest)
        reached = at_rest[0].recipient.partition("@")[0]
        why = must(cluster, "explain", crowd.name, "--external-id", reached)
        assert any("the relay accepted the message" in sentence for sentence in why["sentences"])
        assert not [address for address in crowd.addresses if address in json.dumps([report, sent, why])]
    cluster.wait_reason(crowd, "Suspended", "Held")
    assert must(cluster, "release", crowd.name)["released"]
    cluster.wait_accepted(crowd, len(at_rest) + PER_SECOND)
    cluster.pace(crowd, FAST)
    cluster.wait_reason(crowd, "Completed", "EverybodySettled", seconds=300)
    assert cluster.recipients(crowd) == Counter(crowd.addresses)


def test_status_plan_and_stop_say_what_is_true(cluster: Cluster, gather: Gather) -> None:
    crowd = gather(3000)
    cluster.start(crowd, per_second=PER_SECOND)
    cluster.wait_accepted(crowd, 80)
    # It may send a moment before its probe has found it ready.
    wait_until("a worker is ready", lambda: must(cluster, "status", crowd.name)["workers"]["ready"] >= 1, seconds=30)
    shown = must(cluster, "status", crowd.name)
    assert (shown["state"], shown["troubles"]) == ("Sending", [])
    assert "Started" in [each["reason"] for each in shown["events"]]
    screen = plugin(cluster, "status", crowd.name).stdout
    assert max(len(line) for line in screen.splitlines()) <= 100
    plan = json.loads(plugin(cluster, "plan", crowd.name, "-o", "json").stdout)
    assert plan["size"] == 3000
    told = must(cluster, "stop", crowd.name, "--reason", "withdrawn", "--yes")
    assert told["state"] in ("Stopping", "Stopped")
    cluster.wait_reason(crowd, "Completed", "Stopped")
    at_rest = len(cluster.accepted(crowd))
    assert at_rest < 3000
    assert must(cluster, "report", crowd.name)["outcomes"]["sent"] == at_rest
