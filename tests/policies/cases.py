"""The cases beside each policy: `pass.yaml` and `fail.yaml`, manifests whose annotations say what is expected."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from herold.policies import Policies, Request, denials, read_policies, request_for
from herold.policies.judging import Operation
from herold.resources import KINDS
from herold.resources.shape import shape
from herold.resources.yaml_reader import Document

Object = dict[str, Any]
FOLDER = Path(__file__).parents[2] / "policies" / "admission"
RULES = sorted(file.parent.name for file in FOLDER.glob("*/policy.yaml"))
ENVIRONMENT, SAYS = (f"policies.herold.dev/{name}" for name in ("environment", "says"))


@dataclass(frozen=True)
class Case:
    """`says`: the words of the denial, None where there is none. The manifest is not to be changed."""

    rule: str
    manifest: Object
    environment: str
    says: str | None

    @property
    def key(self) -> tuple[str, str, str]:
        """(kind, namespace, name)."""
        metadata = self.manifest["metadata"]
        return self.manifest["kind"], metadata["namespace"], metadata["name"]

    def __str__(self) -> str:
        return f"{self.rule}: {self.key[0]} {self.key[2]}"


@cache
def policies() -> Policies:
    """Those of this repository."""
    return read_policies(FOLDER)


@cache
def cases(file: str) -> tuple[Case, ...]:
    """All cases of `pass` or of `fail`."""
    found = []
    for rule in RULES:
        for manifest in yaml.safe_load_all((FOLDER / rule / f"{file}.yaml").read_text()):
            notes = manifest["metadata"]["annotations"]
            found.append(Case(rule, manifest, notes[ENVIRONMENT], notes.get(SAYS)))
    return tuple(found)


def plural_of(manifest: Object) -> str:
    """`deployments` for a Deployment."""
    kind: str = manifest["kind"]
    return KINDS[kind].plural if kind in KINDS else f"{kind.lower()}s"


def request(manifest: Object, old: Object | None = None, operation: Operation | None = None) -> Request | None:
    """What applying the manifest asks for, with the defaults of Herold's kinds; None where its shape is wrong."""
    if manifest["kind"] not in KINDS:
        group, _, version = manifest["apiVersion"].rpartition("/")
        made: Operation = operation or ("CREATE" if old is None else "UPDATE")
        return Request(made, (group, version, plural_of(manifest)), manifest, old)
    new, before = (
        None if each is None else shape(Document("", 0, each, {}, {}, frozenset(), ())).resource
        for each in (manifest, old)
    )
    return None if new is None else request_for(new, before)


def offline(manifest: Object, environment: str, old: Object | None = None, of: Policies | None = None) -> set[str]:
    """What is said against it offline, as `policy: words`."""
    asked = request(manifest, old)
    assert asked is not None, manifest
    return {f"{each.policy}: {each.message}" for each in denials(of or policies(), environment, asked)}
