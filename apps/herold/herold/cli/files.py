"""The resources that a command was given, read and checked together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from herold.errors import Mistake
from herold.message.source import template_mistakes
from herold.resources.catalogue import Catalogue, Check, load
from herold.resources.contact_schema import ContactSchema
from herold.resources.declared import Declared
from herold.resources.template import MessageTemplate
from herold.settings import Settings

if TYPE_CHECKING:
    from herold.policies import Policies


def load_files(paths: Sequence[Path], settings: Settings, policies: Policies | None = None) -> Catalogue:
    """Raises InvalidInput with every mistake of every file, those inside templates and against `policies` too."""
    checks: list[Check] = [check_templates]
    if policies is not None:
        from herold.policies import check_policies

        checks.append(check_policies(policies, settings.environment))
    return load(paths, shared_namespace=settings.shared_namespace, checks=checks)


def load_policies(folder: Path | None) -> Policies | None:
    """Those of `folder`, or of the checkout that we are in; None where there are none.

    Raises InvalidInput for mistakes in them, NotFound for a folder without any.
    """
    from herold.policies import find_policies, read_policies

    found = folder or find_policies(Path.cwd())
    return read_policies(found) if found is not None else None


def check_templates(declared: Declared) -> list[Mistake]:
    """What is wrong inside templates. Names of attributes beside them are the catalogue's own business."""
    found: list[Mistake] = []
    for key, template in declared.resources.items():
        if not isinstance(template, MessageTemplate):
            continue
        schema = declared.find(ContactSchema, template.spec.schema_ref, key[1])
        if schema is not None:
            found += [
                declared.mistake(key, each.path, each.message, each.fix)
                for each in template_mistakes(template, schema)
                if each.path[:2] != ("spec", "attributeDefaults")
            ]
    return found
