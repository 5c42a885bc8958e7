#!/usr/bin/python3
"""Before a member's pod ends: when it leads, the synchronous standby takes over first, and nobody waits for a lease.

Without another member that runs there is nobody to hand over to. While there is one, but none that has all that was
committed, it is waited for: a member that goes too early would leave writers without a leader.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

WHOLE = Path("/run/herold-postgres/patroni.yaml")
URL = "http://127.0.0.1:8008"
PATIENCE = 45.0
AGAIN = 0.5


def find_candidate(members: list[dict[str, Any]], name: str, *, synchronous: bool) -> str | None:
    """Who can take over from `name` without a loss; None when nobody can yet. Raises LookupError when nobody need.

    Where no standby is synchronous (a cluster that grows), any that follows: Patroni waits until it has everything.
    """
    leads = [each for each in members if each["role"] in {"leader", "standby_leader"} and each["name"] == name]
    others = [each for each in members if each["name"] != name and each["state"] in {"running", "streaming"}]
    if not leads or not others:
        raise LookupError
    wanted = "sync_standby" if synchronous else "replica"
    ready = [each["name"] for each in others if each["role"] == wanted]
    return ready[0] if ready else None


def main() -> int:
    """Until somebody else leads, or the time is over."""
    name, deadline = os.environ["POD_NAME"], time.monotonic() + PATIENCE
    who = yaml.safe_load(WHOLE.read_text())["restapi"]["authentication"]
    token = base64.b64encode(f"{who['username']}:{who['password']}".encode()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {token}"}
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{URL}/cluster", timeout=5) as answer:  # noqa: S310 -- this pod's own
                members = json.load(answer)["members"]
            with urllib.request.urlopen(f"{URL}/config", timeout=5) as answer:  # noqa: S310
                synchronous = bool(json.load(answer).get("synchronous_mode"))
            candidate = find_candidate(members, name, synchronous=synchronous)
            if candidate:
                body = json.dumps({"leader": name, "candidate": candidate}).encode()
                request = urllib.request.Request(f"{URL}/switchover", body, headers)  # noqa: S310
                with urllib.request.urlopen(request, timeout=30):  # noqa: S310
                    return 0
        except LookupError:
            return 0
        except (OSError, ValueError, urllib.error.URLError):
            pass  # asked again
        threading.Event().wait(AGAIN)
    return 1


if __name__ == "__main__":
    sys.exit(main())
