"""All rules; a module of rules is part of it when it is imported here."""

from __future__ import annotations

import importlib

from herold_policies.rule import RULES, Rule

MODULES = (
    "audit",
    "backups",
    "buckets",
    "cluster",
    "edge",
    "messages",
    "secrets",
    "ways_in",
    "data",
    "namespaces",
    "network",
    "pods",
    "keys",
    "functions",
    "identity",
    "logs",
    "protection",
    "watching",
)


def all_rules() -> tuple[Rule, ...]:
    """The rules in the order of their names."""
    for module in MODULES:
        importlib.import_module(f"herold_policies.{module}")
    return tuple(RULES[name] for name in sorted(RULES))
