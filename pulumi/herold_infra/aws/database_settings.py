"""What a stack's file says of a database."""

from __future__ import annotations

from pydantic import Field

from herold_infra.settings import Settings


class DatabaseSettings(Settings):
    """Aurora PostgreSQL. `instances`: the writer and its readers, spread over the availability zones."""

    engine_version: str = Field(pattern=r"^1[5-8]\.[0-9]+$")
    instance_class: str = Field(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")
    instances: int = Field(ge=1, le=15)
    backup_days: int = Field(ge=1, le=35)
    log_days: int = Field(ge=1, le=3653)

    @property
    def family(self) -> str:
        """The parameter group's family."""
        return f"aurora-postgresql{self.engine_version.partition('.')[0]}"
