#!/usr/bin/python3
"""RabbitMQ in a pod: who may what, from the passwords that are mounted, on memory; then RabbitMQ itself."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

SECRETS = Path("/run/secrets/rabbitmq")
DEFINITIONS = Path("/etc/herold-rabbitmq/definitions.json")
MEMORY = Path("/run/herold-rabbitmq")
# What the pod says of itself (name, home) is in its environment.
HOME = Path("/var/lib/rabbitmq")


def hash_of(password: str, salt: bytes) -> str:
    """As https://www.rabbitmq.com/passwords.html says: salt of four bytes, SHA-256 of salt and password, base64."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def build_definitions(definitions: dict[str, Any], passwords: dict[str, str], salt: bytes) -> dict[str, Any]:
    """The ConfigMap's, each user with the hash of its password."""
    for user in definitions["users"]:
        user |= {
            "password_hash": hash_of(passwords[user["name"]], salt),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
        }
    return definitions


def write_private(file: Path, text: str, mode: int) -> None:
    """Write a file that only this user reads."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as target:
        target.write(text)


def main() -> None:
    """Write them, and become RabbitMQ."""
    definitions = json.loads(DEFINITIONS.read_text())
    passwords = {user["name"]: (SECRETS / user["name"]).read_text().strip() for user in definitions["users"]}
    whole = build_definitions(definitions, passwords, os.urandom(4))
    write_private(MEMORY / "definitions.json", json.dumps(whole), 0o600)
    write_private(HOME / ".erlang.cookie", (SECRETS / "cookie").read_text().strip(), 0o400)
    os.environ |= {
        "RABBITMQ_CONFIG_FILE": "/etc/herold-rabbitmq/rabbitmq.conf",
        "RABBITMQ_GENERATED_CONFIG_DIR": str(MEMORY / "config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": "/etc/herold-rabbitmq/enabled_plugins",
        "RABBITMQ_MNESIA_BASE": str(HOME / "mnesia"),
        "RABBITMQ_PID_FILE": str(MEMORY / "pid"),
        "RABBITMQ_LOGS": "-",
        # For what it says of an upgrade; and a crash writes down no messages of other people.
        "RABBITMQ_LOG_BASE": str(MEMORY / "log"),
        "ERL_CRASH_DUMP": "/dev/null",
        "RABBITMQ_DIST_PORT": "25672",
        # One scheduler, which does not spin: neighbours share the node.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
        "ERL_EPMD_PORT": "4369",
    }
    sys.stdout.flush()
    os.execv("/usr/lib/rabbitmq/bin/rabbitmq-server", ["rabbitmq-server"])  # noqa: S606 -- it becomes it


if __name__ == "__main__":
    main()
