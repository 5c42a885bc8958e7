"""What people write: gitops/teams/<team>.yaml, gitops/clusters/<environment>/cluster.yaml; all mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from herold.errors import InvalidInput, Mistake

# With `campaigns-` before it a name of a namespace, which has 63 characters at most.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
Group = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Kind = TypeVar("Kind", bound="_Declared")


class _Declared(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class People(_Declared):
    """Groups of the cluster's identity provider, by what they may do in the team's namespace."""

    viewers: tuple[Group, ...] = ()
    operators: tuple[Group, ...] = Field(default=(), description="They hold, release and stop.")
    auditors: tuple[Group, ...] = Field(default=(), description="They read about people one by one.")


class Limits(_Declared):
    """How many resources a team may have at once."""

    campaigns: int = Field(default=200, ge=1, le=5000)
    segments: int = Field(default=500, ge=1, le=5000)
    templates: int = Field(default=500, ge=1, le=5000)
    approvals: int = Field(default=500, ge=1, le=5000)


class Team(_Declared):
    """One team, known by the name of its file."""

    name: Name
    environments: tuple[Name, ...] = Field(min_length=1)
    people: People = People()
    limits: Limits = Limits()

    @property
    def namespace(self) -> str:
        """Where its resources live, in each environment's cluster."""
        return f"campaigns-{self.name}"


class Cluster(_Declared):
    """One environment's cluster: the repository and the branch that its Argo CD follows, and who writes its Secrets."""

    environment: Name
    repository: Annotated[str, StringConstraints(pattern=r"^(https://|ssh://)")]
    branch: Annotated[str, StringConstraints(min_length=1)] = "main"
    secrets: Literal["Platform", "External"] = Field(
        default="Platform", description="External: External Secrets, from gitops/infrastructure/secrets."
    )


def read_teams(folder: Path) -> tuple[Team, ...]:
    """Every team, by name. Raises InvalidInput with all mistakes of all files."""
    mistakes: list[Mistake] = []
    teams: list[Team] = []
    for file in sorted(folder.glob("*.yaml")):
        found = _read(file, Team, {"name": file.stem}, mistakes)
        if found:
            teams.append(found)
    if mistakes:
        raise InvalidInput(mistakes, what="teams")
    return tuple(teams)


def read_clusters(folder: Path) -> tuple[Cluster, ...]:
    """Every environment's cluster. Raises InvalidInput with all mistakes of all files."""
    mistakes: list[Mistake] = []
    clusters: list[Cluster] = []
    for file in sorted(folder.glob("*/cluster.yaml")):
        found = _read(file, Cluster, {"environment": file.parent.name}, mistakes)
        if found:
            clusters.append(found)
    if mistakes:
        raise InvalidInput(mistakes, what="clusters")
    return tuple(clusters)


def _read(file: Path, model: type[Kind], known: Mapping[str, str], mistakes: list[Mistake]) -> Kind | None:
    text = file.read_text(encoding="utf-8")
    try:
        content = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mistakes.append(Mistake(str(file), 0, 0, "", f"is not YAML: {error}"))
        return None
    if not isinstance(content, dict):
        mistakes.append(Mistake(str(file), 0, 0, "", "must be fields with values"))
        return None
    if named := sorted(content.keys() & known.keys()):
        mistakes.append(Mistake(str(file), 0, 0, named[0], "is told by the file's path", "leave it out"))
        return None
    try:
        return model.model_validate({**content, **known})
    except ValidationError as error:
        for each in error.errors():
            path = ".".join(str(part) for part in each["loc"])
            mistakes.append(Mistake(str(file), 0, 0, path, each["msg"]))
        return None
