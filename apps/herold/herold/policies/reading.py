"""Policies from files: `<rule>/policy.yaml` and `parameters/<environment>.yaml` below one folder, read as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from herold.errors import InvalidInput, Mistake, NotFound
from herold.policies.policy import Binding, Policy
from herold.resources.meta import Model
from herold.resources.yaml_reader import Document, read_file
from herold.settings import Environment

ENVIRONMENTS: tuple[str, ...] = get_args(Environment)
PARAMETERS = ("herold-platform", "herold-policy")  # namespace and name of the ConfigMap
_FOLDER = Path("policies", "admission")
_Kind = TypeVar("_Kind", bound=Model)


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies, by name, and the parameters (a ConfigMap) of each environment."""

    folder: Path
    policies: tuple[Policy, ...]
    parameters: Mapping[str, Mapping[str, Any]]

    def parameter(self, environment: str, key: str) -> str:
        """One parameter; `parameters-kept` says which are always there."""
        return str(self.parameters[environment]["data"][key])


def find_policies(start: Path) -> Path | None:
    """`policies/admission` of the checkout that `start` lies in; None outside of one."""
    start = start.resolve()
    return next((each / _FOLDER for each in (start, *start.parents) if (each / _FOLDER).is_dir()), None)


def read_policies(folder: Path) -> Policies:
    """Raises InvalidInput with every mistake of every policy, NotFound where there are none."""
    files = sorted(folder.glob("*/policy.yaml"))
    if not files:
        raise NotFound(f"there is no <rule>/policy.yaml below {folder}")
    mistakes: list[Mistake] = []
    policies = [policy for file in files if (policy := _policy(file, mistakes))]
    parameters = {each: _parameters(folder / "parameters" / f"{each}.yaml", each, mistakes) for each in ENVIRONMENTS}
    if mistakes:
        raise InvalidInput(mistakes, what="policies")
    return Policies(folder, tuple(policies), parameters)


def _policy(file: Path, mistakes: list[Mistake]) -> Policy | None:
    documents = list(_documents(file, mistakes))
    if len(documents) != 2:
        mistakes.append(Mistake(str(file), 0, 0, "", "must hold a policy and its binding, and nothing else"))
        return None
    policy, binding = _shaped(Policy, documents[0], mistakes), _shaped(Binding, documents[1], mistakes)
    if policy is None or binding is None:
        return None
    name = f"herold-{file.parent.name}"
    for document, path, told in (
        (documents[0], ("metadata", "name"), policy.name),
        (documents[1], ("metadata", "name"), binding.metadata.name),
        (documents[1], ("spec", "policyName"), binding.spec.policy_name),
    ):
        if told != name:
            mistakes.append(document.mistake(path, f"{told} is not the name of this folder's policy", f"write {name}"))
    if (policy.spec.param_kind is None) != (binding.spec.param_ref is None):
        mistakes.append(documents[1].mistake(("spec",), "paramRef and the policy's paramKind go together"))
    return policy


def _parameters(file: Path, environment: str, mistakes: list[Mistake]) -> Mapping[str, Any]:
    for document in _documents(file, mistakes):
        value: dict[str, Any] = document.value if isinstance(document.value, dict) else {}
        metadata, data = value.get("metadata"), value.get("data")
        is_ours = isinstance(metadata, dict) and (metadata.get("namespace"), metadata.get("name")) == PARAMETERS
        if value.get("kind") == "ConfigMap" and is_ours and isinstance(data, dict):
            if data.get("environment") == environment:
                return value
            fix = f"write environment: {environment}"
            mistakes.append(document.mistake(("data", "environment"), "is not the one of the file's name", fix))
            return {}
    mistakes.append(Mistake(str(file), 0, 0, "", f"must hold the ConfigMap {'/'.join(PARAMETERS)}"))
    return {}


def _documents(file: Path, mistakes: list[Mistake]) -> Iterator[Document]:
    reading = read_file(file)
    mistakes += reading.mistakes
    yield from reading.documents


def _shaped(kind: type[_Kind], document: Document, mistakes: list[Mistake]) -> _Kind | None:
    try:
        return kind.model_validate(document.value, by_alias=True, by_name=False)
    except ValidationError as error:
        for item in error.errors(include_url=False):
            words = item["msg"].removeprefix("Value error, ")
            mistakes.append(document.mistake(item["loc"], f"{words[:1].lower()}{words[1:]}"))
        return None
