"""The settings of a process: one typed object, read once, that lists all mistakes at once.

Every variable is `HEROLD_…`. The table in docs/reference/settings.md is generated from here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from herold.errors import InvalidInput, Mistake

PREFIX = "HEROLD_"
# Settings of the services beside Kubernetes, in whose pods a person may run `herold`; switches of the test suite.
# HEROLD_CONTEXT belongs to the Makefile.
_OF_OTHERS = ("HEROLD_OPERATOR_", "HEROLD_READER_", "HEROLD_TEST_")
Environment = Literal["test", "staging", "prod"]


def default_state_dir() -> Path:
    """Where the embedded ledger, evidence and fence files live when nothing else is said.

    For root a folder that PostgreSQL's own user can enter, which root's home is not.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/herold")
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "herold"


class Settings(BaseModel):
    """What a Herold process needs to know before it starts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    database_url: str | None = Field(
        default=None, description="PostgreSQL connection string. Without it the embedded server is used."
    )
    state_dir: Path = Field(
        default_factory=default_state_dir,
        description="Folder for the embedded server, the evidence of workers and the fence.",
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="Folder with one sub-folder per secret, as Kubernetes mounts them (username, password, tls.key).",
    )
    installation: str = Field(
        default="local",
        pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
        description="Name of this installation. A ledger belongs to one; another one's processes refuse it.",
    )
    environment: Environment = Field(
        default="test", description="Environment of this installation; outside prod every sender has an allow-list."
    )
    single_node: bool = Field(
        default=False,
        description="Accept a ledger without a synchronous standby. The embedded server always counts as single-node.",
    )
    shared_namespace: str = Field(
        default="campaigns-shared", description="Namespace to which references with `scope: Shared` point."
    )
    worker_health_port: int = Field(
        default=0, ge=0, le=65_535, description="Port of /healthz, /readyz and /metrics of `herold worker`; 0: none."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Least level logged.")

    @property
    def evidence_dir(self) -> Path:
        """Memory-mapped evidence of workers on this host (one byte a message)."""
        return self.state_dir / "evidence"

    @property
    def fence_file(self) -> Path:
        """Mirror of the ledger's identity and count, kept outside the ledger."""
        return self.state_dir / "fence.json"

    def is_single_node(self) -> bool:
        """True when no synchronous standby is demanded."""
        return self.single_node or self.database_url is None


def read_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read `HEROLD_*` variables. Raises InvalidInput that names every unknown or wrong one."""
    source = os.environ if environ is None else environ
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    values: dict[str, str] = {}
    mistakes: list[Mistake] = []
    for variable, value in source.items():
        if not variable.startswith(PREFIX) or variable == "HEROLD_CONTEXT" or variable.startswith(_OF_OTHERS):
            continue
        if variable in known:
            values[known[variable]] = value
        else:
            mistakes.append(Mistake("environment", 0, 0, variable, "is not a setting", _nearest(variable, known)))
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        mistakes += [
            Mistake("environment", 0, 0, PREFIX + str(item["loc"][0]).upper(), item["msg"]) for item in error.errors()
        ]
        raise InvalidInput(mistakes, what="settings") from None
    if mistakes:
        raise InvalidInput(mistakes, what="settings")
    return settings


def _nearest(variable: str, known: Mapping[str, str]) -> str | None:
    from difflib import get_close_matches

    near = get_close_matches(variable, known, n=1)
    return f"write {near[0]}" if near else "remove it, or see docs/reference/settings.md"
