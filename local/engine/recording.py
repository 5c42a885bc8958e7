"""A stack without the engine: the program runs in this process, and what it declares is kept as a graph.

Quick, and needs nothing but Python. The resources pass through the same stand-in as with the engine, in the order in
which they are declared. What only the engine does (duplicate URNs, state, plugins) is not seen here.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import yaml
from google.protobuf import empty_pb2
from local.cluster.layout import CHECKOUT
from local.engine.declared import PACKAGES as DECLARED
from local.engine.declared import Declared
from local.providers import wire
from local.providers.aws.provider import Aws
from local.providers.server import Mistake, StandIn
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import resource_pb2

from herold_infra.configuration import declare, read
from herold_infra.settings import Settings
from herold_policies.graph import UNKNOWN, Graph, Node

PROJECT = "herold"
PROVIDER = "pulumi:providers:"


@dataclass(frozen=True)
class Recorded:
    """What a program declared: the graph, each resource's parent, what the stand-in refused, what it exported."""

    graph: Graph
    parents: dict[str, str]
    refused: tuple[tuple[str, Mistake], ...]
    outputs: dict[str, Any]


class Recorder(MockMonitor):
    """Stands in the place of the engine."""

    def __init__(self, stack: str, *, preview: bool) -> None:
        super().__init__(_NoMocks())
        self._stack, self._preview = stack, preview
        self._stand_ins: dict[str, StandIn] = {"aws": Aws(), **{package: Declared(package) for package in DECLARED}}
        self._lock = threading.Lock()
        self._nodes: list[Node] = []
        self._parents: dict[str, str] = {}
        self._refused: list[tuple[str, Mistake]] = []
        self._outputs: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        urn = self.make_urn(request.parent, request.type, request.name)
        inputs = wire.read(request.object)
        if not request.custom or request.type.startswith(PROVIDER):
            with self._lock:
                self._parents[urn] = request.parent
            made = "" if request.type == "pulumi:pulumi:Stack" or not request.custom else "stand-in"
            return resource_pb2.RegisterResourceResponse(urn=urn, id=made, object=request.object)
        stand_in = self._stand_ins[request.type.partition(":")[0]]
        with self._lock:
            self._refused += [(urn, mistake) for mistake in stand_in.check(request.type, urn, inputs)]
            links = {prop: tuple(urns.urns) for prop, urns in request.propertyDependencies.items()}
            node = Node(request.type, request.name, urn, _seen(inputs), request.protect, links)
            self._nodes.append(node)
            self._parents[urn] = request.parent
        made, outputs = stand_in.outputs(request.type, request.name, inputs, preview=self._preview)
        return resource_pb2.RegisterResourceResponse(
            urn=urn, id="" if self._preview else made, object=wire.write(outputs)
        )

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()

    def keep(self, outputs: dict[str, Any]) -> None:
        """What the program exports. Nobody calls this in a preview: some of it is known only afterwards."""
        self._outputs = outputs

    def recorded(self) -> Recorded:
        """Everything so far, in the order of the URNs: the order of arrival is the event loop's."""
        nodes = tuple(sorted(self._nodes, key=lambda node: node.urn))
        return Recorded(Graph(self._stack, nodes), dict(self._parents), tuple(self._refused), dict(self._outputs))


def read_stack(stack: str) -> dict[str, Any]:
    """`herold:stack` of a stack's file, as it stands there."""
    path = CHECKOUT / "pulumi" / "stacks" / f"Pulumi.{stack}.yaml"
    raw = yaml.safe_load(Path(path).read_text())["config"]["herold:stack"]
    assert isinstance(raw, dict)
    return raw


def settings_of(stack: str) -> Settings:
    """The checked settings of a stack of this checkout. Raises SettingsRefused."""
    return read(read_stack(stack), f"pulumi/stacks/Pulumi.{stack}.yaml")


def record(stack: str, settings: Settings, *, preview: bool = True) -> Recorded:
    """Declare the stack with these settings, and give back what it declared."""
    recorder = Recorder(stack, preview=preview)
    with asyncio.Runner() as runner:
        # Pulumi takes the thread's event loop, which is none once anything in this process has used one of its own.
        asyncio.set_event_loop(runner.get_loop())
        pulumi.runtime.set_mocks(_NoMocks(), project=PROJECT, stack=stack, preview=preview, monitor=recorder)
        pulumi.runtime.test(lambda: _declare(settings).apply(recorder.keep))()  # type: ignore[no-untyped-call]
    return recorder.recorded()


def _declare(settings: Settings) -> pulumi.Output[dict[str, Any]]:
    return pulumi.Output.from_input(declare(settings))


def _seen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _seen(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_seen(item) for item in value]
    return UNKNOWN if value == wire.UNKNOWN else value


class _NoMocks(Mocks):
    def new_resource(self, args: Any) -> tuple[str | None, dict[Any, Any]]:
        raise NotImplementedError

    def call(self, args: Any) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise NotImplementedError(f"the programs ask AWS nothing, but one asked {args.token}")
