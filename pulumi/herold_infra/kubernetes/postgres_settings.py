"""The files of a PostgreSQL by Patroni: what Patroni and pgBackRest read. Values, nothing is touched here."""

from __future__ import annotations

import json
from typing import Any

from herold_infra.kubernetes.component import Place

PORT, REST = 5432, 8008
STANZA = "herold"
SCOPE_LABEL = "app.kubernetes.io/instance"
DATA, BACKUPS, CONFIG = "/var/lib/postgresql/data", "/backups", "/etc/herold-postgres"
# Seconds. Patroni's least `ttl` is 20, and it must last for a loop and two rounds of tries: a leader that is gone is
# replaced after at most this.
LEASE, LOOP, RETRY = 20, 5, 5


def build_patroni(place: Place, members: int, *, restores: bool) -> dict[str, Any]:
    """Patroni's settings, less what differs by member: its name, its address and the passwords.

    `bootstrap.dcs` is also what the leader applies when it starts (local/images/postgres/apply-settings).
    """
    replicated = members > 1
    dynamic = {
        "ttl": LEASE,
        "loop_wait": LOOP,
        "retry_timeout": RETRY,
        # With the API server away a leader goes on for as long as it reaches every other member.
        "failsafe_mode": True,
        "synchronous_mode": replicated,
        # Without a standby that has it too, nothing is acknowledged: docs/decisions/0024.
        "synchronous_mode_strict": replicated,
        "postgresql": {"use_pg_rewind": True, "use_slots": True, "parameters": _build_parameters()},
    }
    made: dict[str, Any] = {
        "dcs": dynamic,
        "initdb": ["data-checksums", {"encoding": "UTF8"}, {"locale": "C.UTF-8"}],
    }
    if restores:
        way = {"command": "/usr/local/bin/restore-backup", "keep_existing_recovery_conf": True, "no_params": True}
        made |= {"method": "restore", "restore": way}
    callback = "/usr/local/bin/apply-settings"
    return {
        "scope": "postgres",
        "kubernetes": {
            "use_endpoints": True,
            "labels": place.selector("postgres"),
            "scope_label": SCOPE_LABEL,
            "role_label": "role",
            "ports": [{"name": "postgres", "port": PORT}],
        },
        "restapi": {"listen": f"0.0.0.0:{REST}"},
        "bootstrap": made,
        "postgresql": {
            "listen": f"0.0.0.0:{PORT}",
            "data_dir": f"{DATA}/pgdata",
            "bin_dir": "/usr/lib/postgresql/15/bin",
            "pgpass": "/tmp/pgpass",  # noqa: S108 -- memory of this pod alone
            "use_unix_socket": True,
            "use_unix_socket_repl": True,
            "parameters": {"unix_socket_directories": "/tmp"},  # noqa: S108
            # Who is in the pod is its administrator. From outside everybody has a password.
            "pg_hba": [
                "local all all trust",
                "local replication all trust",
                "host replication standby all scram-sha-256",
                "host all all all scram-sha-256",
            ],
            "callbacks": {"on_start": callback, "on_restart": callback, "on_role_change": callback},
            # A member that was away for longer than the leader keeps WAL takes it from the archive.
            "recovery_conf": {"restore_command": f'pgbackrest --stanza={STANZA} archive-get %f "%p"'},
        },
        "watchdog": {"mode": "off"},
        "tags": {},
    }


def _build_parameters() -> dict[str, Any]:
    return {
        "max_connections": 200,
        "shared_buffers": "256MB",
        # A pod's /dev/shm is small.
        "dynamic_shared_memory_type": "mmap",
        "password_encryption": "scram-sha-256",
        "wal_log_hints": "on",
        "archive_mode": "on",
        "archive_command": f"pgbackrest --stanza={STANZA} archive-push %p",
        # What may be lost with all volumes of the members, in seconds: WAL leaves at least this often.
        "archive_timeout": 60,
        "max_wal_senders": 10,
        "max_replication_slots": 10,
        # A member that is gone keeps its slot for as long as its pod is there: without a bound its WAL would fill the
        # leader's volume. What it lacks when it is back it takes from the archive, and then follows by its slot again.
        "max_slot_wal_keep_size": "2GB",
        "log_line_prefix": "%m [%p] ",
        # Statements have addresses and names in them, and so has what an error says of the row.
        "log_error_verbosity": "terse",
        "log_statement": "none",
        "log_min_error_statement": "panic",
        "log_parameter_max_length": 0,
        "log_parameter_max_length_on_error": 0,
    }


def build_files(place: Place, members: int, *, restores: bool) -> dict[str, str]:
    """Patroni's in JSON, which is YAML, and pgBackRest's."""
    lines = [
        "[global]",
        f"repo1-path={BACKUPS}",
        # Two full backups with all that is between and after them: restored to any second since the older one.
        "repo1-retention-full=2",
        "start-fast=y",
        "compress-type=zst",
        "log-level-console=warn",
        "log-level-file=off",
        "lock-path=/tmp/pgbackrest",
        "spool-path=/tmp/pgbackrest",
        "",
        f"[{STANZA}]",
        f"pg1-path={DATA}/pgdata",
        "pg1-socket-path=/tmp",
        "pg1-user=postgres",
        "",
    ]
    patroni = json.dumps(build_patroni(place, members, restores=restores), indent=1)
    return {"patroni.yaml": f"{patroni}\n", "pgbackrest.conf": "\n".join(lines)}
