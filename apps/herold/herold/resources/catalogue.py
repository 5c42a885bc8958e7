"""The catalogue: all resources of some folders, read and checked together; every mistake is named at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

from herold.errors import InvalidInput, Mistake, NotFound
from herold.resources.agreement import check_agreement
from herold.resources.campaign import Campaign
from herold.resources.contact_schema import ContactSchema
from herold.resources.declared import Declared, Kind
from herold.resources.meta import Key, Reference, Resource
from herold.resources.nearest import nearest
from herold.resources.references import check_references, check_segments, links
from herold.resources.resolved import ResolvedCampaign
from herold.resources.segment import Segment
from herold.resources.sender import SenderProfile
from herold.resources.shape import Shaped, shape
from herold.resources.template import MessageTemplate
from herold.resources.yaml_reader import Document, Reading, read_file, read_text

SUFFIXES = (".yaml", ".yml")
# What a higher layer knows of resources (the insides of templates, say): told among all other mistakes.
Check = Callable[[Declared], Iterable[Mistake]]
# Nobody reads more; a file of nothing but mistakes has hundreds of thousands.
MAX_MISTAKES_PER_FILE = 1_000


@dataclass(frozen=True, slots=True)
class Catalogue(Declared):
    """Resources without a mistake among them: every reference resolves, every name is declared."""

    def campaigns(self) -> tuple[Campaign, ...]:
        """All campaigns, by namespace and name."""
        return tuple(self.resources[key] for key in sorted(self.resources) if key[0] == "Campaign")  # type: ignore[misc]

    def campaign(self, name: str) -> Campaign:
        """The campaign `name` or `namespace/name`. Raises NotFound, with what was probably meant."""
        namespace, _, short = name.rpartition("/")
        everyone = self.campaigns()
        found = [
            each
            for each in everyone
            if each.metadata.name == short and (not namespace or each.metadata.namespace == namespace)
        ]
        if len(found) == 1:
            return found[0]
        full = [f"{each.metadata.namespace}/{each.metadata.name}" for each in everyone]
        if found:
            places = " and ".join(f"{each.metadata.namespace}/{short}" for each in found)
            raise NotFound(f"{name} may be {places}", hint="write the namespace before the name, with a /")
        near = nearest(name, full if namespace else [each.metadata.name for each in everyone])
        hint = f"did you mean {near}?" if near else f"there are {len(full)} campaigns in these files"
        raise NotFound(f"there is no campaign {name[:200]}", hint=hint)

    def resolved(self, campaign: Campaign) -> ResolvedCampaign:
        """The campaign with everything that it names. Its segments are all those reachable from the audience."""
        namespace, message = campaign.metadata.namespace, campaign.spec.message
        template = self._named(MessageTemplate, message.template_ref, namespace)
        segments: dict[Key, Segment] = {}
        waiting: list[Resource] = [campaign]
        while waiting:
            resource = waiting.pop()
            for link in links(resource):
                if link.kind is Segment:
                    segment = self._named(Segment, link.reference, resource.metadata.namespace)
                    if segment.key not in segments:
                        segments[segment.key] = segment
                        waiting.append(segment)
        return ResolvedCampaign(
            campaign=campaign,
            segments=tuple(segments[key] for key in sorted(segments)),
            template=template,
            sender=self._named(SenderProfile, message.sender_ref, namespace),
            schema=self._named(ContactSchema, template.spec.schema_ref, template.metadata.namespace),
            shared_namespace=self.shared_namespace,
        )

    def _named(self, kind: type[Kind], reference: Reference, namespace: str) -> Kind:
        found = self.find(kind, reference, namespace)
        if found is None:  # only for a campaign that is not of this catalogue
            raise NotFound(f"{kind.__name__} {reference.name} does not exist")
        return found


def load(paths: Sequence[FilePath], *, shared_namespace: str, checks: Sequence[Check] = ()) -> Catalogue:
    """Read files, and all *.yaml and *.yml below folders (hidden ones are passed over), as one catalogue.

    Raises InvalidInput with every mistake of every file.
    """
    mistakes: list[Mistake] = []
    files: dict[FilePath, FilePath] = {}
    for path in paths:
        if path.is_dir():
            found: Iterable[FilePath] = _below(path)
        elif path.exists():
            found = (path,)
        else:
            mistakes.append(Mistake(str(path), 0, 0, "", "does not exist", "name a file or a folder that does"))
            continue
        for file in found:
            if not file.is_file():  # a pipe or a device would wait for ever
                mistakes.append(Mistake(str(file), 0, 0, "", "is not a plain file"))
            else:
                files.setdefault(file.resolve(), file)
    return _build((read_file(file) for file in files.values()), shared_namespace, mistakes, checks)


def load_texts(texts: Mapping[str, str], *, shared_namespace: str, checks: Sequence[Check] = ()) -> Catalogue:
    """The same for texts by file name, as another revision holds them. Raises InvalidInput."""
    return _build((read_text(text, file) for file, text in texts.items()), shared_namespace, [], checks)


def survey_texts(
    texts: Mapping[str, str], *, shared_namespace: str, checks: Sequence[Check] = ()
) -> tuple[Catalogue, tuple[Mistake, ...]]:
    """What can be made of texts in which something is wrong, and all mistakes.

    The catalogue lacks the resources with mistakes of their own; those that name them are in it.
    """
    return _declare((read_text(text, file) for file, text in texts.items()), shared_namespace, [], checks)


def _below(folder: FilePath) -> Iterator[FilePath]:
    # Links to folders are not followed: they may lead in a circle, or out of what was reviewed.
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for file in sorted(files):
            if file.endswith(SUFFIXES) and not file.startswith("."):
                yield FilePath(where, file)


def _build(
    readings: Iterable[Reading], shared_namespace: str, mistakes: list[Mistake], checks: Sequence[Check]
) -> Catalogue:
    catalogue, found = _declare(readings, shared_namespace, mistakes, checks)
    if found:
        raise InvalidInput(found, what="resources")
    return catalogue


def _declare(
    readings: Iterable[Reading], shared_namespace: str, mistakes: list[Mistake], checks: Sequence[Check]
) -> tuple[Catalogue, tuple[Mistake, ...]]:
    resources: dict[Key, Resource] = {}
    documents: dict[Key, Document] = {}
    for reading in readings:
        found = list(reading.mistakes)
        for document in reading.documents:
            shaped = shape(document)
            found += shaped.mistakes
            if shaped.key is None:
                continue
            if shaped.key in documents:
                found.append(_twice(shaped, documents[shaped.key]))
                continue
            documents[shaped.key] = document
            if shaped.resource is not None:
                resources[shaped.key] = shaped.resource
        mistakes += _cut(found)
    catalogue = Catalogue(shared_namespace, resources, documents)
    mistakes += [*check_references(catalogue), *check_segments(catalogue), *check_agreement(catalogue)]
    mistakes += [mistake for check in checks for mistake in check(catalogue)]
    return catalogue, tuple(dict.fromkeys(mistakes))


def _cut(mistakes: list[Mistake]) -> list[Mistake]:
    more = len(mistakes) - MAX_MISTAKES_PER_FILE
    if more <= 0:
        return mistakes
    first = sorted(mistakes)[:MAX_MISTAKES_PER_FILE]
    last = first[-1]
    return [*first, Mistake(last.file, last.line, last.column, "", f"{more} more mistakes follow in this file")]


def _twice(shaped: Shaped, first: Document) -> Mistake:
    kind, namespace, name = shaped.key or ("", "", "")
    message = f"{kind} {namespace}/{name} is declared twice, first in {first.file}:{first.place(())[0]}"
    return shaped.document.mistake(("metadata", "name"), message, "remove one of the two, or give it another name")
