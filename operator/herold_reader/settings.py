"""Settings of the read service beside those of every Herold process: `HEROLD_READER_…`."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from herold.settings import Settings
from herold_operator.settings import read_both

PREFIX = "HEROLD_READER_"


class ReaderSettings(BaseModel):
    """Where it listens, and how patient it is. Times are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(default="", description="Address to listen on; empty: all.")
    port: int = Field(default=8443, ge=0, le=65_535, description="Port of the service itself, over TLS.")
    health_port: int = Field(default=0, ge=0, le=65_535, description="Port of /healthz and /metrics; 0: none.")
    statement_seconds: float = Field(
        default=60.0, ge=0.1, le=600, description="The longest statement that the ledger is given."
    )
    client_seconds: float = Field(
        default=20.0, ge=0.1, le=600, description="A client must have sent its question, and read the answer, by then."
    )


def read_reader_settings(environ: Mapping[str, str] | None = None) -> tuple[Settings, ReaderSettings]:
    """Both sets of settings. Raises InvalidInput that names every unknown or wrong variable."""
    return read_both(ReaderSettings, PREFIX, environ)
