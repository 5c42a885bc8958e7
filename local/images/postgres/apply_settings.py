#!/usr/bin/python3
"""Patroni's callback: who leads gives the cluster the settings that the ConfigMap has now.

Patroni takes `bootstrap.dcs` once, when the cluster is made, and keeps it in Kubernetes. With this a change of the
ConfigMap reaches it when its pods were rolled: a second and third member bring the synchronous standby, and so on.
"""

from __future__ import annotations

import base64
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

import yaml

WHOLE = Path("/run/herold-postgres/patroni.yaml")
LEADS = {"master", "primary"}


def main() -> int:
    """Patroni gives the action, the role and the scope."""
    if sys.argv[-2] not in LEADS:
        return 0
    whole = yaml.safe_load(WHOLE.read_text())
    who = whole["restapi"]["authentication"]
    token = base64.b64encode(f"{who['username']}:{who['password']}".encode()).decode()
    request = urllib.request.Request(
        "http://127.0.0.1:8008/config",
        json.dumps(whole["bootstrap"]["dcs"]).encode(),
        {"Content-Type": "application/json", "Authorization": f"Basic {token}"},
        method="PATCH",
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 -- this pod's own
            print(f"settings of the cluster: {answer.status}", flush=True)
    except (OSError, urllib.error.URLError) as error:
        # The next change of roles tries again; until then the settings are those of before.
        print(f"settings of the cluster were not applied: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
