"""What the API server holds of Herold's kinds, as far as it was told: objects by key, and who names whom."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from herold.resources.declared import Declared
from herold.resources.meta import Key, Resource
from herold.resources.references import links_in
from herold.resources.shape import Shaped, shape
from herold.resources.yaml_reader import Document
from herold_operator.newer import explain_unknown

Object = dict[str, Any]
# What Kubernetes keeps beside what people declare.
_OURS = ("apiVersion", "kind", "spec")
# Bookmarks may have told a watch of later resourceVersions than any list or object did; how much later is not known.
MARGIN = 1000
_METADATA = ("name", "namespace", "labels", "annotations", "generation", "uid")


def key_of(item: Object) -> Key:
    """(kind, namespace, name) of an object."""
    return item["kind"], item["metadata"]["namespace"], item["metadata"]["name"]


def version_of(item: Object) -> int:
    """Its resourceVersion. A number: etcd's revision, compared only with others of the same object.

    https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
    """
    return int(item["metadata"]["resourceVersion"])


class World:
    """The cache. Objects are never changed in place."""

    def __init__(self, shared_namespace: str) -> None:
        self.shared_namespace = shared_namespace
        self.objects: dict[Key, Object] = {}
        self.newest = 0  # the greatest resourceVersion that was seen
        self._heard_up_to = 0
        self._shaped: dict[Key, Shaped] = {}
        self._names: dict[Key, tuple[Key, ...]] = {}
        self._named_by: dict[Key, set[Key]] = {}

    def went_back(self, newest: int) -> None:
        """The API server knows no more than up to `newest`: its etcd was restored."""
        self._heard_up_to = max(self._heard_up_to, self.newest + MARGIN)
        self.newest = newest

    @property
    def may_be_deaf(self) -> bool:
        """Whether watches wait for resourceVersions that the API server has yet to come to again: until then they pass
        over what is new, without an error."""
        return self.newest < self._heard_up_to

    def put(self, item: Object, *, anew: bool = False) -> bool:
        """Take an object. True when what people declare in it is new; what is older than what is known is dropped,
        unless the API server itself went back (`anew`)."""
        key = key_of(item)
        if not anew:
            self.newest = max(self.newest, version_of(item))
        known = self.objects.get(key)
        same = known is not None and known["metadata"]["uid"] == item["metadata"]["uid"]
        if known is not None and same and version_of(item) <= version_of(known) and not anew:
            return False
        slim = {
            **{name: item[name] for name in (*_OURS, "status") if name in item},
            "metadata": {
                name: item["metadata"][name] for name in (*_METADATA, "resourceVersion") if name in item["metadata"]
            },
        }
        slim = self.objects[key] = _shared(slim)
        if known is not None and same and _declared(known) == _declared(slim):
            return False
        self._look(key, slim)
        return True

    def remove(self, key: Key, version: int | None = None) -> bool:
        """Forget an object. False when it was not known, or is known in a later version."""
        known = self.objects.get(key)
        if known is None or (version is not None and version_of(known) > version):
            return False
        del self.objects[key]
        del self._shaped[key]
        self._link(key, ())
        return True

    def of_kind(self, kind: str) -> Iterator[Key]:
        """Keys of one kind."""
        return (key for key in self.objects if key[0] == kind)

    def names(self, kind: str, namespace: str) -> list[str]:
        """Names of what there is of a kind in a namespace."""
        return [name for each, where, name in self.objects if (each, where) == (kind, namespace)]

    def resource(self, key: Key) -> Resource | None:
        """The resource, if its own shape is right."""
        shaped = self._shaped.get(key)
        return shaped.resource if shaped is not None else None

    def dependents(self, key: Key) -> set[Key]:
        """Everything that names `key`, directly or through others."""
        found: set[Key] = set()
        waiting = [key]
        while waiting:
            for source in self._named_by.get(waiting.pop(), ()):
                if source not in found:
                    found.add(source)
                    waiting.append(source)
        return found

    def unknown(self, key: Key) -> set[Key]:
        """What `key` names, directly or through others that are known, and is not known itself."""
        found: set[Key] = set()
        seen: set[Key] = set()
        waiting = [key]
        while waiting:
            each = waiting.pop()
            if each in seen:
                continue
            seen.add(each)
            if each in self.objects:
                waiting += self._names.get(each, ())
            else:
                found.add(each)
        return found

    def closure(self, key: Key) -> tuple[Declared, list[Shaped]]:
        """`key` with everything that it names, directly or through others, as far as it exists."""
        found: dict[Key, Shaped] = {}
        waiting = [key]
        while waiting:
            each = waiting.pop()
            shaped = self._shaped.get(each)
            if shaped is not None and each not in found:
                found[each] = shaped
                waiting += self._names.get(each, ())
        resources: dict[Key, Resource] = {
            each: shaped.resource for each, shaped in found.items() if shaped.resource is not None
        }
        documents = {each: shaped.document for each, shaped in found.items()}
        return Declared(self.shared_namespace, resources, documents), list(found.values())

    def _look(self, key: Key, item: Object) -> None:
        value = {name: item[name] for name in _OURS if name in item}
        value["metadata"] = {name: item["metadata"][name] for name in _METADATA if name in item["metadata"]}
        shaped = shape(Document(f"{key[0]} {key[1]}/{key[2]}", 0, value, {}, {}, frozenset(), ()))
        shaped = self._shaped[key] = replace(shaped, mistakes=explain_unknown(shaped.mistakes))
        declared = Declared(self.shared_namespace, {}, {})
        found = links_in(shaped.resource, shaped.document)
        self._link(key, (declared.target(link.kind, link.reference, key[1]) for link in found))

    def _link(self, key: Key, targets: Iterable[Key]) -> None:
        for target in self._names.pop(key, ()):
            self._named_by[target].discard(key)
            if not self._named_by[target]:
                del self._named_by[target]
        named = tuple(dict.fromkeys(targets))
        if named:
            self._names[key] = named
        for target in named:
            self._named_by.setdefault(target, set()).add(key)


def _shared(value: Any) -> Any:
    """A copy whose strings are one with equal ones elsewhere: thousands of objects have the same names and words."""
    if isinstance(value, dict):
        return {sys.intern(name): _shared(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shared(each) for each in value]
    return sys.intern(value) if isinstance(value, str) else value


def _declared(item: Object) -> tuple[Any, ...]:
    metadata = item["metadata"]
    return metadata.get("generation"), metadata.get("annotations"), metadata.get("labels")
