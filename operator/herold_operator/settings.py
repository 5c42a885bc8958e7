"""Settings of the operator beside those of every Herold process: `HEROLD_OPERATOR_…`, all mistakes named at once."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from herold.errors import InvalidInput, Mistake
from herold.settings import Settings, read_settings

PREFIX = "HEROLD_OPERATOR_"
Own = TypeVar("Own", bound=BaseModel)


class OperatorSettings(BaseModel):
    """Where the operator puts what it makes, and how patient it is. Times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identity: str = Field(default_factory=socket.gethostname, description="Name of this replica in the Lease.")
    senders_namespace: str = Field(default="herold-senders", description="Namespace of the workers.")
    lease_namespace: str = Field(default="herold-platform", description="Namespace of the Lease.")
    lease_name: str = Field(default="herold-operator", description="The Lease that the leading replica holds.")
    lease_seconds: int = Field(default=8, ge=3, le=60, description="How long a Lease lasts without renewal.")
    worker_image: str = Field(default="localhost/herold:dev", description="Image of workers and Jobs.")
    worker_messages_per_second: int = Field(
        default=2000, ge=1, le=100_000, description="What one worker is counted on to send."
    )
    workers_at_most: int = Field(default=8, ge=1, le=1000, description="Workers of one SenderProfile.")
    workers_idle: float = Field(
        default=60.0, ge=0, le=3600, description="Workers stay this long with nothing to do for them."
    )
    database_secret: str = Field(
        default="herold-database-worker-{brand}",
        pattern=r"^([-.a-z0-9]|\{brand\})+$",
        description="Secret in the workers' namespace whose `url` is the ledger's address; `{brand}` stands for the "
        "brand of their SenderProfile.",
    )
    builder_database_secret: str = Field(
        default="herold-database-builder",
        description="The same for the Jobs that build audiences and look what would go wrong.",
    )
    task_memory: str = Field(
        default="256Mi", pattern=r"^[1-9][0-9]*(Mi|Gi)$", description="Memory limit of a Job's pod."
    )
    task_deadline: int = Field(default=3600, ge=1, le=86_400, description="A Job that takes longer is ended.")
    task_kept: int = Field(
        default=600, ge=1, le=86_400, description="A Job that ended is removed then; one that failed is made again."
    )
    task_patience: float = Field(
        default=60.0, ge=0, le=3600, description="A Job that has not begun by then is looked after."
    )
    build_patience: float = Field(
        default=600.0, ge=0, le=86_400, description="A Job that began and is not done by then is looked after."
    )
    tasks_at_once: int = Field(
        default=16, ge=1, le=1000, description="Jobs of one kind at a time; further campaigns wait for their turn."
    )
    preflight_again: float = Field(
        default=900.0,
        ge=1,
        le=3600,
        description="What a pre-flight found is looked at again by then, so that it goes away once it is mended.",
    )
    policy_dir: Path | None = Field(
        default=None,
        description="Folder where the platform's parameters (ConfigMap herold-policy) are mounted; `approval-above` in "
        "it is read. Without it nobody's approval is asked for in test, and always elsewhere.",
    )
    freeze_lead: int = Field(
        default=900, ge=0, le=86_400, description="The audience freezes this long before the first message falls due."
    )
    counts_every: float = Field(
        default=15.0, ge=1, le=600, description="Counts of a running campaign at most so often."
    )
    tick: float = Field(default=1.0, ge=0.1, le=10, description="How often the ledger is read.")
    resync: float = Field(default=300.0, ge=5, le=3600, description="How often everything is listed anew.")
    health_port: int = Field(default=0, ge=0, le=65_535, description="Port of /healthz and /metrics; 0: none.")


def read_operator_settings(environ: Mapping[str, str] | None = None) -> tuple[Settings, OperatorSettings]:
    """Both sets of settings. Raises InvalidInput that names every unknown or wrong variable."""
    return read_both(OperatorSettings, PREFIX, environ)


def read_both(own: type[Own], prefix: str, environ: Mapping[str, str] | None = None) -> tuple[Settings, Own]:
    """Settings of every process, and those that begin with `prefix`. Raises InvalidInput, with all mistakes of both."""
    source = os.environ if environ is None else environ
    ours = {name: value for name, value in source.items() if name.startswith(prefix)}
    mistakes: list[Mistake] = []
    settings, read = Settings(), own()
    try:
        settings = read_settings({name: value for name, value in source.items() if name not in ours})
    except InvalidInput as error:
        mistakes += error.mistakes
    try:
        read = own.model_validate({name.removeprefix(prefix).lower(): value for name, value in ours.items()})
    except ValidationError as error:
        mistakes += [
            Mistake("environment", 0, 0, prefix + str(item["loc"][0]).upper(), item["msg"]) for item in error.errors()
        ]
    if mistakes:
        raise InvalidInput(mistakes, what="settings")
    return settings, read
