"""References between resources: every one resolves, and segments do not go round in circles or grow without end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from herold.errors import Mistake
from herold.resources.campaign import Campaign
from herold.resources.contact_schema import ContactSchema
from herold.resources.declared import Declared
from herold.resources.meta import Key, Reference, Resource
from herold.resources.nearest import listed, nearest
from herold.resources.paths import Path
from herold.resources.segment import Segment
from herold.resources.sender import SenderProfile
from herold.resources.template import MessageTemplate
from herold.resources.yaml_reader import Document

# Names of what there is of a kind in a namespace.
Names = Callable[[str, str], Sequence[str]]
# A segment is written out into one statement with the segments that it names: without bounds a chain of small files,
# each naming the one before twice, would double with every file.
MAX_SEGMENT_DEPTH = 16
MAX_SEGMENT_CONDITIONS = 1_000
# Looking for near misses takes time, and a moved folder breaks every reference at once.
_MOST_NEAR = 200
_NAMED_BY: dict[str | int, type[Resource]] = {
    **{"segmentRefs": Segment, "excludeRefs": Segment, "segmentRef": Segment, "schemaRef": ContactSchema},
    **{"templateRef": MessageTemplate, "senderRef": SenderProfile},
}


@dataclass(frozen=True, slots=True)
class Link:
    """One reference, where it stands, and what it has to name."""

    path: Path
    kind: type[Resource]
    reference: Reference


def links(resource: Resource) -> Iterator[Link]:
    """Every reference of a resource."""
    match resource:
        case Campaign(spec=spec):
            for index, reference in enumerate(spec.audience.segment_refs):
                yield Link(("spec", "audience", "segmentRefs", index), Segment, reference)
            for index, reference in enumerate(spec.audience.exclude_refs):
                yield Link(("spec", "audience", "excludeRefs", index), Segment, reference)
            yield Link(("spec", "message", "templateRef"), MessageTemplate, spec.message.template_ref)
            yield Link(("spec", "message", "senderRef"), SenderProfile, spec.message.sender_ref)
        case Segment(spec=spec):
            yield Link(("spec", "schemaRef"), ContactSchema, spec.schema_ref)
            for first, group in enumerate(spec.all_of):
                for second, condition in enumerate(group.any_of):
                    if condition.segment_ref is not None:
                        path = ("spec", "allOf", first, "anyOf", second, "segmentRef")
                        yield Link(path, Segment, condition.segment_ref)
        case MessageTemplate(spec=spec):
            yield Link(("spec", "schemaRef"), ContactSchema, spec.schema_ref)


def _names_in(declared: Declared) -> Names:
    names: dict[tuple[str, str], list[str]] = {}
    for kind, namespace, name in declared.documents:
        names.setdefault((kind, namespace), []).append(name)
    return lambda kind, namespace: names.get((kind, namespace), ())


def links_in(resource: Resource | None, document: Document) -> Iterator[Link]:
    """Every reference of a declared resource; of one with mistakes of its own, those that are right themselves."""
    return links(resource) if resource is not None else _written(document.value.get("spec"), ("spec",))


def check_references(declared: Declared, names: Names | None = None) -> list[Mistake]:
    """References to what nobody declared. What is declared with mistakes counts as declared. `names`: of all that there
    is of a kind in a namespace, if that is more than what is `declared`."""
    found: list[Mistake] = []
    names = names or _names_in(declared)
    for key, document in declared.documents.items():
        for link in links_in(declared.resources.get(key), document):
            target = declared.target(link.kind, link.reference, key[1])
            if target not in declared.documents:
                fix = _fix(declared, link, key[1], names) if len(found) < _MOST_NEAR else None
                message = f"{target[0]} {target[2]} does not exist in namespace {target[1]}"
                found.append(declared.mistake(key, (*link.path, "name"), message, fix))
    return found


def _written(value: Any, path: Path) -> Iterator[Link]:
    """The references in a resource that has mistakes, as far as they are right themselves."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, below in items:
        here = (*path, name)
        if kind := _NAMED_BY.get(name):
            many = isinstance(below, list)
            for index, each in enumerate(below if many else [below]):
                try:
                    yield Link((*here, index) if many else here, kind, Reference.model_validate(each, by_name=False))
                except ValidationError:
                    continue
        else:
            yield from _written(below, here)


def _fix(declared: Declared, link: Link, namespace: str, names: Names) -> str:
    kind, name, shared = link.kind.__name__, link.reference.name, link.reference.scope == "Shared"
    here = names(kind, declared.shared_namespace if shared else namespace)
    there = names(kind, namespace if shared else declared.shared_namespace)
    change = "remove scope: Shared" if shared else "add scope: Shared"
    where = "beside this resource" if shared else "in the shared namespace"
    if name in there:
        return f"{change}: it exists {where}"
    if near := nearest(name, here):
        return f"write {near}"
    if near := nearest(name, there):
        return f"write {near}, and {change}: that one exists {where}"
    return f"declare it, or write one of {listed(here)}" if here else f"declare it; there is no {kind} there yet"


def check_segments(declared: Declared) -> list[Mistake]:
    """Circles among segments, each named once, and segments that are too deep or too big when written out."""
    graph = {
        key: [(link.path, declared.target(Segment, link.reference, key[1])) for link in links(segment)][1:]
        for key, segment in declared.resources.items()
        if isinstance(segment, Segment)
    }
    found: list[Mistake] = []
    done: dict[Key, tuple[int, int]] = {}  # depth and number of conditions
    for start in graph:
        _visit(start, graph, declared, done, found)
    return found


def _visit(
    start: Key,
    graph: Mapping[Key, list[tuple[Path, Key]]],
    declared: Declared,
    done: dict[Key, tuple[int, int]],
    found: list[Mistake],
) -> None:
    """Depth first, without recursion: a chain may be as long as there are files."""
    open_: dict[Key, Iterator[tuple[Path, Key]]] = {}
    stack = [] if start in done else [start]
    while stack:
        key = stack[-1]
        if key not in open_:
            open_[key] = iter(graph[key])
        for path, target in open_[key]:
            if target in open_:
                circle = [*stack[stack.index(target) :], target]
                words = " -> ".join(name for _, _, name in circle)
                found.append(
                    declared.mistake(key, (*path, "name"), f"goes round in a circle: {words}", "remove one of these")
                )
            elif target in graph and target not in done:
                stack.append(target)
                break
        else:
            done[key] = _measured(key, graph[key], declared, done, found)
            del open_[key]
            stack.pop()


def _measured(
    key: Key,
    below: list[tuple[Path, Key]],
    declared: Declared,
    done: Mapping[Key, tuple[int, int]],
    found: list[Mistake],
) -> tuple[int, int]:
    segment = declared.resources[key]
    assert isinstance(segment, Segment)
    own = sum(len(group.any_of) for group in segment.spec.all_of) - len(below)
    measures = [done.get(target, (0, 1)) for _, target in below]
    depth = 1 + max((depth for depth, _ in measures), default=0)
    conditions = own + sum(size for _, size in measures)
    if depth > MAX_SEGMENT_DEPTH:
        message = f"names segments that name segments, more than {MAX_SEGMENT_DEPTH} levels deep"
        found.append(declared.mistake(key, ("spec", "allOf"), message, "write some of them out"))
        return 0, 1  # named once; what stands above it is not to blame
    if conditions > MAX_SEGMENT_CONDITIONS:
        message = f"has more than {MAX_SEGMENT_CONDITIONS} conditions with those of the segments that it names"
        found.append(declared.mistake(key, ("spec", "allOf"), message, "name fewer segments"))
        return 0, 1
    return depth, conditions
