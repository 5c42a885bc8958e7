"""A cluster in which the policies are in force, and objects that were there before them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import yaml

from herold.policies import Policies
from parts.kubernetes import Answer, ApiServer, wait_for
from policies.cases import FOLDER, RULES, Object, cases, offline, policies

NAMESPACES = (
    *("herold-platform", "herold-senders", "campaigns-shared", "campaigns-shop", "campaigns-orders"),
    "default",
)
_DENIAL = re.compile(r"ValidatingAdmissionPolicy '(.+?)' with binding '(.+?)' denied request: (.*)", re.DOTALL)
# Who breaks one rule only, and whose words hold the bound and the environment.
_PROBE = next(case.manifest for case in cases("fail") if case.key[2] == "one-too-many")


@dataclass
class Cluster:
    """`parameters` are those in force, which only `use` changes."""

    api: ApiServer
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def prepare(self) -> None:
        """Namespaces and all that will fail, then the policies."""
        for name in NAMESPACES:
            self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for case in cases("fail"):
            if case.key[0] != "ConfigMap":
                self.api.apply(case.manifest)
            if case.key[0] == "Campaign":
                self.api.apply(suspended(case.manifest))
        self.install("prod")
        # Nothing is the same as before for the API server, which denies by a policy once it has seen it.
        for case in cases("fail"):
            self.use(policies().parameters[case.environment])
            made = anew(case.manifest)
            wait_for(f"{case} to be denied", lambda made=made: self.says(made))  # type: ignore[misc]

    def install(self, environment: str) -> None:
        """As docs/how-to/add-a-policy.md says it, parameters first."""
        self.parameters = policies().parameters[environment]
        self.api.apply(dict(self.parameters))
        for rule in RULES:
            for manifest in yaml.safe_load_all((FOLDER / rule / "policy.yaml").read_text()):
                self.api.apply(manifest)

    def use(self, parameters: Mapping[str, Any]) -> None:
        """Put other parameters in force, and wait until they are."""
        if parameters == self.parameters:
            return
        self.api.apply(dict(parameters))
        self.parameters = parameters
        own = Policies(FOLDER, policies().policies, {"now": parameters})
        probe = anew(_PROBE)
        probe["spec"]["audience"]["maxRecipients"] = 99_999_999
        expected = offline(probe, "now", of=own)
        wait_for("the parameters", lambda: self.says(probe) in expected)

    def says(self, manifest: Object) -> str | None:
        """What the API server has against applying it, as `policy: words`; None when nothing. Nothing is kept."""
        try:
            self.api.apply(manifest, dry_run=True)
        except Answer as error:
            return denial_of(error)
        return None


def denial_of(error: Answer) -> str:
    """`policy: words`. Raises the answer when no policy gave it."""
    status = yaml.safe_load(error.body)
    found = _DENIAL.search(status["message"]) if error.code == 422 else None
    if found is None:
        raise error
    assert found[1] == found[2]
    return f"{found[1]}: {found[3]}"


def anew(manifest: Object) -> Object:
    """The same under a name that is not there yet; there is one ConfigMap only."""
    return named(manifest, manifest["metadata"]["name"] + "-anew" * (manifest["kind"] != "ConfigMap"))


def suspended(manifest: Object) -> Object:
    """A campaign like it that was suspended before there were policies."""
    made = named(manifest, f"{manifest['metadata']['name']}-suspended")
    made["spec"]["suspend"] = True
    return made


def named(manifest: Object, name: str) -> Object:
    """The same under another name."""
    made = deepcopy(manifest)
    made["metadata"]["name"] = name
    return made
