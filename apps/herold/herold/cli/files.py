"""The resources that a command was given, read and checked together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from herold.errors import Mistake
from herold.message.source import template_mistakes
from herold.resources.catalogue import Catalogue, load
from herold.resources.contact_schema import ContactSchema
from herold.resources.declared import Declared
from herold.resources.template import MessageTemplate
from herold.settings import Settings


def load_files(paths: Sequence[Path], settings: Settings) -> Catalogue:
    """Raises InvalidInput with every mistake of every file, those inside templates too."""
    return load(paths, shared_namespace=settings.shared_namespace, checks=(check_templates,))


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
