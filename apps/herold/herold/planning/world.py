"""What one revision of the repository has, by environment: resources, mistakes in them, approvals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from herold.errors import Mistake
from herold.planning.revision import Files
from herold.policies import environment_of
from herold.resources.approval import CampaignApproval
from herold.resources.campaign import Campaign
from herold.resources.catalogue import Catalogue, Check, survey_texts
from herold.resources.meta import Key
from herold.resources.references import links
from herold.resources.resolved import ResolvedCampaign
from herold.resources.sender import SenderProfile


@dataclass(frozen=True, slots=True)
class World:
    """The resources of one environment at one revision. `broken`: keys with mistakes, in themselves or in files;
    `approvals`: those without any, by the campaign that they name."""

    catalogue: Catalogue
    mistakes: tuple[Mistake, ...]
    broken: frozenset[Key]
    approvals: Mapping[Key, tuple[CampaignApproval, ...]]

    @property
    def campaigns(self) -> list[Key]:
        """All of them, in their order."""
        return sorted(key for key in self.catalogue.documents if key[0] == "Campaign")

    def closure(self, key: Key) -> frozenset[Key] | None:
        """Keys of a campaign and of everything that it names; None where any of it is missing or mistaken."""
        found: set[Key] = set()
        waiting = [key]
        while waiting:
            each = waiting.pop()
            resource = self.catalogue.resources.get(each)
            if resource is None or each in self.broken:
                return None
            if each not in found:
                found.add(each)
                targets = (self.catalogue.target(link.kind, link.reference, each[1]) for link in links(resource))
                waiting += targets
        return frozenset(found)

    def resolved(self, key: Key) -> ResolvedCampaign | None:
        """A campaign with everything that it names; None as for `closure`."""
        campaign = self.catalogue.resources.get(key)
        if not isinstance(campaign, Campaign) or self.closure(key) is None:
            return None
        return self.catalogue.resolved(campaign)

    def sender(self, key: Key) -> SenderProfile | None:
        """One without mistakes."""
        found = self.catalogue.resources.get(key)
        return found if isinstance(found, SenderProfile) and key not in self.broken else None

    def file(self, key: Key) -> str:
        """The file that has it."""
        return self.catalogue.documents[key].file


def read_worlds(
    files: Files, shared_namespace: str, environment: str, checks: Sequence[Check], other: Files
) -> dict[str, World]:
    """By environment, for every one that this revision or `other` has. `environment`: of files outside of a folder of
    one."""
    texts: dict[str, dict[str, str]] = {environment_of(name, environment): {} for name in (*files.blobs, *other.blobs)}
    for name, text in files.texts.items():
        texts[environment_of(name, environment)][name] = text
    return {name: _world(own, shared_namespace, checks) for name, own in texts.items()}


def _world(texts: Mapping[str, str], shared_namespace: str, checks: Sequence[Check]) -> World:
    catalogue, mistakes = survey_texts(texts, shared_namespace=shared_namespace, checks=checks)
    starts: dict[str, list[tuple[int, Key]]] = {}
    for key, document in catalogue.documents.items():
        starts.setdefault(document.file, []).append((document.line, key))
    broken = set()
    for mistake in mistakes:
        above = [place for place in starts.get(mistake.file, ()) if place[0] <= mistake.line]
        if above:
            broken.add(max(above)[1])
    approvals: dict[Key, tuple[CampaignApproval, ...]] = {}
    for key, each in sorted(catalogue.resources.items()):
        if isinstance(each, CampaignApproval) and key not in broken:
            campaign = (Campaign.__name__, key[1], each.spec.campaign)
            approvals[campaign] = (*approvals.get(campaign, ()), each)
    return World(catalogue, mistakes, frozenset(broken), approvals)
