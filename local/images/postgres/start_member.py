#!/usr/bin/python3
"""A member of PostgreSQL under Patroni: its settings with the passwords in them, on memory, then Patroni itself.

The settings are those of the pod's ConfigMap; passwords come as files, so that neither a command line, an environment
nor a manifest has one. Patroni reads them once more at a restart of the container, which begins here.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import yaml

SETTINGS = Path("/etc/herold-postgres/patroni.yaml")
SECRETS = Path("/run/secrets/postgres")
WHOLE = Path("/run/herold-postgres/patroni.yaml")


def build_whole(settings: dict[str, Any], secrets: Path, name: str, namespace: str, address: str) -> dict[str, Any]:
    """The settings of this member; `address` is its pod's."""

    def read(kind: str) -> str:
        return (secrets / kind).read_text().strip()

    settings["name"] = name
    settings["kubernetes"] |= {"namespace": namespace, "pod_ip": address}
    settings["restapi"] |= {
        "connect_address": f"{address}:8008",
        "authentication": {"username": "patroni", "password": read("rest")},
    }
    settings["postgresql"]["connect_address"] = f"{address}:5432"
    settings["postgresql"]["authentication"] = {
        "superuser": {"username": "postgres", "password": read("superuser")},
        "replication": {"username": "standby", "password": read("replication")},
    }
    return settings


def main() -> None:
    """Write them where only this user reads, and become Patroni."""
    whole = build_whole(
        yaml.safe_load(SETTINGS.read_text()),
        SECRETS,
        os.environ["POD_NAME"],
        os.environ["POD_NAMESPACE"],
        os.environ["POD_IP"],
    )
    descriptor = os.open(WHOLE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as target:
        yaml.safe_dump(whole, target)
    sys.stdout.flush()
    os.execv("/usr/bin/patroni", ["patroni", str(WHOLE)])  # noqa: S606 -- it becomes it


if __name__ == "__main__":
    main()
