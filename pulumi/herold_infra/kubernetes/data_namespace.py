"""The namespace of what holds data: pods under the strictest standard, nothing reached that no policy names."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes import core, networking

from herold_infra.drawing import draw
from herold_infra.kubernetes.component import Component, Data, Manifest, Place
from herold_infra.kubernetes.password import Password, make_password

THING = "data"
STANDARD = "restricted"
# Whose administrators have a password, and what else is drawn into the same Secret.
SERVICES = {
    "postgres": ("replication", "rest"),
    "redis": ("client", "replication", "sentinel"),
    "rabbitmq": ("client", "cookie"),
}


def build_namespace(place: Place) -> Manifest:
    """The namespace."""
    standard = {f"pod-security.kubernetes.io/{how}": STANDARD for how in ("enforce", "warn", "audit")}
    labels = place.labels(THING, Data.PERSONAL) | standard
    return {"metadata": {"name": place.namespace, "labels": labels}}


def build_nothing_else(place: Place) -> Manifest:
    """Nothing goes in or out of its pods unless another policy says so."""
    return {
        "metadata": place.metadata("nothing-else", THING, Data.OPERATIONAL),
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }


@dataclass(frozen=True)
class DataNamespaceArgs:
    """Where it is."""

    place: Place


class DataNamespace(Component):
    """Outputs: `ready`, what everything inside comes after; `passwords` of the administrators, by service."""

    def __init__(self, args: DataNamespaceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("DataNamespace", args.place, THING, opts)
        namespace = self.make(core.v1.Namespace, build_namespace(args.place), opts=self.kept())
        closed = self.make(
            networking.v1.NetworkPolicy, build_nothing_else(args.place), opts=self.inside(after=[namespace])
        )
        self.ready: list[pulumi.Resource] = [namespace, closed]
        self.passwords: dict[str, Password] = {
            service: make_password(self, service, after=self.ready, others=self._draw(service, others))
            for service, others in SERVICES.items()
        }
        self.register_outputs({"passwords": {name: made.secret for name, made in self.passwords.items()}})

    def _draw(self, service: str, names: tuple[str, ...]) -> dict[str, pulumi.Output[str]]:
        return {name: draw(self, self.place.logical(f"{service}-{name}")) for name in names}
