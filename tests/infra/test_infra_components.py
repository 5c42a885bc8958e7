"""Conventions that every component keeps, read from its source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCES = sorted((Path(__file__).parents[2] / "pulumi").rglob("*.py"))
CLASSES = [
    pytest.param(node, id=node.name)
    for path in SOURCES
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.ClassDef)
    and any(isinstance(base, ast.Name) and base.id == "Component" for base in node.bases)
]


@pytest.mark.parametrize("component", CLASSES)
def test_the_last_thing_that_a_component_does_is_to_register_its_outputs(component: ast.ClassDef) -> None:
    made = next(node for node in component.body if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    last = made.body[-1]
    assert isinstance(last, ast.Expr), "not a call"
    assert isinstance(last.value, ast.Call), "not a call"
    assert ast.unparse(last.value.func) == "self.register_outputs"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_resource_says_its_options_and_nobody_asks_aws(path: Path) -> None:
    tree = ast.parse(path.read_text())
    services = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "pulumi_aws"
        for alias in node.names
    }
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if not (isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name)):
            continue
        if call.func.value.id not in services:
            continue
        assert not call.func.attr.startswith("get_"), f"line {call.lineno} asks AWS: a preview would differ by machine"
        if call.func.attr[0].isupper() and not call.func.attr.endswith("Args"):
            assert "opts" in {word.arg for word in call.keywords}, f"line {call.lineno} has no parent"
