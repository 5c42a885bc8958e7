"""Policies: the stacks hold them all, and each catches what it is there for, first of all what was left unset."""

from __future__ import annotations

import pytest
from local.engine.recording import Recorded

from herold_policies.catalogue import all_rules
from herold_policies.rule import RULES
from infra import breaks, inside

BREAKS = {**breaks.BREAKS, **inside.BREAKS}
NAMES = [rule.name for rule in all_rules()]


@pytest.mark.rule
@pytest.mark.parametrize("rule_name", NAMES)
def test_every_stack_holds_the_rule(rule_name: str, prod: Recorded, staging: Recorded, local: Recorded) -> None:
    for stack in (prod, staging, local):
        found = [f"{violation.node.name}: {violation.text}" for violation in RULES[rule_name].find(stack.graph)]
        assert found == []


@pytest.mark.rule
@pytest.mark.parametrize("rule_name", NAMES)
def test_a_stack_that_breaks_the_rule_is_caught_and_the_resource_is_named(
    rule_name: str, prod: Recorded, local: Recorded
) -> None:
    assert BREAKS.get(rule_name), "a rule without a way to break it may be one that can't fail"
    stack = local if rule_name in inside.BREAKS else prod
    for edit in BREAKS[rule_name]:
        broken, name = edit(stack.graph)
        assert name in {violation.node.name for violation in RULES[rule_name].find(broken)}


def test_breaks_belong_to_rules_that_exist() -> None:
    assert set(BREAKS) <= set(NAMES)


def test_every_rule_names_the_paragraph_that_asks_for_it() -> None:
    for rule in all_rules():
        assert all(source.document and source.clause for source in rule.sources), rule.name
        assert rule.title
        assert rule.kinds
