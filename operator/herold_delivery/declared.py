"""What people write: gitops/teams/<team>.yaml, gitops/clusters/<environment>/cluster.yaml; all mistakes at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from herold.errors import InvalidInput, Mistake
from herold_delivery.ranges import PrivateRange, Range

# With `campaigns-` before it a name of a namespace, which has 63 characters at most.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=40)]
Group = Annotated[str, StringConstraints(min_length=1, max_length=253)]
Host = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", max_length=253)
]
# Strict: YAML's `true` is no port.
Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]
Kind = TypeVar("Kind", bound="_Declared")
Several = TypeVar("Several", bound=tuple[object, ...])


def _some(values: Several) -> Several:
    # A least length would be told once more where all that was written is wrong.
    if not values:
        raise ValueError("names nothing: write what you mean, or leave all of it out")
    return values


Ranges = Annotated[tuple[Range, ...], AfterValidator(_some)]
PrivateRanges = Annotated[tuple[PrivateRange, ...], AfterValidator(_some)]
Ports = Annotated[tuple[Port, ...], AfterValidator(_some)]


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


class Ledger(_Declared):
    """Where a PostgreSQL that is no pod may be: the subnets of the data zone, whichever member leads."""

    ranges: PrivateRanges
    port: Port = 5432


class Relay(_Declared):
    """A relay that is no pod, by the name that sender profiles have for it."""

    host: Host
    ranges: Ranges = Field(description="What that name may resolve to.")
    ports: Ports = (587,)


class Scrapers(_Declared):
    """From where metrics are asked by what is no pod."""

    ranges: PrivateRanges


class Outside(_Declared):
    """What pods talk to and what talks to them that is no pod. What is not said here is a pod, or is not there."""

    ledger: Ledger | None = None
    relays: tuple[Relay, ...] = ()
    scrapers: Scrapers | None = None


class Cluster(_Declared):
    """One environment's cluster: the repository and the branch that its Argo CD follows, who writes its Secrets, what
    is outside of it."""

    environment: Name
    repository: Annotated[str, StringConstraints(pattern=r"^(https://|ssh://)")]
    branch: Annotated[str, StringConstraints(min_length=1)] = "main"
    secrets: Literal["Platform", "External"] = Field(
        default="Platform", description="External: External Secrets, from gitops/infrastructure/secrets."
    )
    outside: Outside = Outside()


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
            mistakes.append(Mistake(str(file), 0, 0, path, each["msg"].removeprefix("Value error, ")))
        return None
