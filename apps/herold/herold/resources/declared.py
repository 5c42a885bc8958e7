"""All that was declared, by key: what checks between resources look things up in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from herold.errors import Mistake
from herold.resources.meta import Key, Reference, Resource
from herold.resources.paths import Path
from herold.resources.yaml_reader import Document

Kind = TypeVar("Kind", bound=Resource)


@dataclass(frozen=True, slots=True)
class Declared:
    """`resources` are those without mistakes of their own; `documents` has every one whose key could be read."""

    shared_namespace: str
    resources: Mapping[Key, Resource]
    documents: Mapping[Key, Document]

    def target(self, kind: type[Resource], reference: Reference, namespace: str) -> Key:
        """The key that a reference in a resource of `namespace` means, whether it exists or not."""
        where = self.shared_namespace if reference.scope == "Shared" else namespace
        return (kind.__name__, where, reference.name)

    def find(self, kind: type[Kind], reference: Reference, namespace: str) -> Kind | None:
        """The resource that a reference means; None when it does not exist or has mistakes of its own."""
        found = self.resources.get(self.target(kind, reference, namespace))
        return found if isinstance(found, kind) else None

    def place(self, key: Key) -> tuple[str, int]:
        """File and line where the resource begins."""
        document = self.documents[key]
        return document.file, document.place(())[0]

    def mistake(self, key: Key, path: Path, message: str, fix: str | None = None) -> Mistake:
        """A mistake at a path of a resource, such as ("spec", "contents", 0, "subject"), with its line and column."""
        return self.documents[key].mistake(path, message, fix)
