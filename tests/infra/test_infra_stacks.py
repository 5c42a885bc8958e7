"""The stacks as they are declared: what the stand-in says of them, and the page that a reviewer reads."""

from __future__ import annotations

import pytest
from local.engine.recording import Recorded, record, settings_of
from local.engine.summary import STACKS, pages_of

from herold_policies.graph import Graph


@pytest.mark.parametrize("stack", STACKS)
def test_the_stand_in_refuses_nothing(stack: str, prod: Recorded, staging: Recorded, local: Recorded) -> None:
    recorded = {"aws-prod": prod, "aws-staging": staging, "local-test": local}[stack]
    assert recorded.graph.nodes
    assert [f"{urn.rpartition('::')[2]}: {mistake.path} {mistake.reason}" for urn, mistake in recorded.refused] == []


@pytest.mark.parametrize("stack", STACKS)
def test_the_program_runs_to_its_end_also_when_all_outputs_are_known(stack: str) -> None:
    made = record(stack, settings_of(stack), preview=False)
    assert [f"{urn.rpartition('::')[2]}: {mistake.path} {mistake.reason}" for urn, mistake in made.refused] == []


@pytest.mark.parametrize("stack", STACKS)
def test_the_summary_and_the_picture_are_the_stack_as_it_is(
    stack: str, prod: Recorded, staging: Recorded, local: Recorded
) -> None:
    recorded = {"aws-prod": prod, "aws-staging": staging, "local-test": local}[stack]
    for path, text in pages_of(recorded).items():
        assert path.read_text(encoding="utf-8") == text, "`make generate`, and review what changed"


def test_neither_depends_on_the_order_in_which_resources_arrive(prod: Recorded) -> None:
    graph = prod.graph
    backwards = Recorded(Graph(graph.stack, tuple(reversed(graph.nodes))), prod.parents, (), {})
    assert pages_of(backwards) == pages_of(prod)


def test_every_resource_of_aws_that_takes_tags_says_environment_owner_and_class_of_data(prod: Recorded) -> None:
    from local.providers.aws import shapes

    for node in prod.graph.nodes:
        fields = shapes.inputs_of(node.kind)
        if fields and "tags" in fields:
            assert node.tag("environment") == "prod", node.name
            assert node.tag("owner") == "herold", node.name
            assert node.tag("data"), node.name


def test_nothing_is_in_a_component_that_does_not_own_it(prod: Recorded) -> None:
    assert all("herold:aws:" in prod.parents[node.urn] for node in prod.graph.nodes)
