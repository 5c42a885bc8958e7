"""What a branch changes: campaigns added, edited and deleted, and those hit by a change of something that they name.

Each environment is a world of its own: the same campaign may stand in several.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from herold.errors import Mistake
from herold.planning.changes import field_changes, text_diffs
from herold.planning.revision import earlier_versions, files_at, merge_base
from herold.planning.world import World, read_worlds
from herold.policies import Denial, Policies, denials, request_for
from herold.resources.approval import CampaignApproval
from herold.resources.approving import written_digest
from herold.resources.campaign import Campaign
from herold.resources.catalogue import Check
from herold.resources.meta import Key
from herold.resources.resolved import ResolvedCampaign
from herold.resources.sender import SenderProfile

What = Literal["Added", "Edited", "Affected", "Deleted", "Broken"]
# The API server's rule of shape, which speaks of two versions.
EDITED = Denial("CampaignApproval", "spec: an approval is never edited. Add another, under a name of its own")
_MOST_HISTORIES = 500  # files whose history is looked at


@dataclass(frozen=True, slots=True)
class CampaignChange:
    """`before` and `after` are None where the campaign is not there, or has mistakes.

    `causes`: what it names that changed. `denials`: of policies, for what is applied; `later`: what they would say when
    it is no longer suspended. `returned`: every file behind the change is as it once was. `approvals`: those that name
    it; `old_approvals`: names of those that were there before. `sender`: its SenderProfile as BASE has it; None where
    BASE has none without mistakes.
    """

    environment: str
    name: str
    what: What
    before: ResolvedCampaign | None
    after: ResolvedCampaign | None
    causes: tuple[str, ...] = ()
    denials: tuple[Denial, ...] = ()
    later: tuple[Denial, ...] = ()
    returned: bool = False
    approvals: tuple[CampaignApproval, ...] = ()
    old_approvals: frozenset[str] = frozenset()
    sender: SenderProfile | None = None


@dataclass(frozen=True, slots=True)
class OtherChange:
    """A resource that is no campaign. `used_by`: how many campaigns name it, directly or through others. `idle`: why an
    approval approves nothing, as the files stand."""

    environment: str
    kind: str
    name: str
    what: What
    used_by: int
    denials: tuple[Denial, ...]
    idle: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """`mistakes` are those that the branch brings; `old_mistakes`: how many were there before and still are.

    `campaigns`: how many there were in each environment.
    """

    base: str
    head: str
    changes: tuple[CampaignChange, ...]
    others: tuple[OtherChange, ...]
    mistakes: tuple[Mistake, ...]
    old_mistakes: int
    campaigns: Mapping[str, int]


def read_branch(
    repository: Path,
    revisions: str,
    paths: Sequence[Path],
    *,
    shared_namespace: str,
    environment: str,
    checks: Sequence[Check] = (),
    policies: Policies | None = None,
) -> Branch:
    """Read both revisions of `BASE..HEAD`, or what HEAD changed since it left BASE for `BASE...HEAD`, from Git.

    `environment` is that of files outside of a folder of one. Raises NotFound for unknown revisions.
    """
    base, dots, head = revisions.partition("..")
    head, since = head.removeprefix("."), head.startswith(".")
    base, head = base or "HEAD", head or "HEAD"
    start = merge_base(repository, base, head) if since else base
    before, after = files_at(repository, start, paths), files_at(repository, head if dots else "HEAD", paths)
    edited = [name for name in after.blobs if before.blobs.get(name) != after.blobs[name]]
    earlier = earlier_versions(repository, before.commit, edited[:_MOST_HISTORIES])
    returned = {name for name in edited if (name, after.blobs[name]) in earlier}
    one, two = (
        read_worlds(files, shared_namespace, environment, checks, other)
        for files, other in ((before, after), (after, before))
    )
    changes: list[CampaignChange] = []
    others: list[OtherChange] = []
    mistakes: list[Mistake] = [*after.mistakes]
    mistakes += [_link(name) for name in after.links if name not in before.links]
    old = 0
    for name in sorted(two, key=_importance):
        comparison = _Comparison(name, one[name], two[name], policies, returned, set(edited))
        changes += comparison.campaigns()
        others += comparison.others()
        known = {_unplaced(mistake) for mistake in one[name].mistakes}
        brought = [mistake for mistake in two[name].mistakes if _unplaced(mistake) not in known]
        mistakes += brought
        old += len(two[name].mistakes) - len(brought)
    counts = {name: len(world.campaigns) for name, world in one.items()}
    return Branch(base, head, tuple(changes), tuple(others), tuple(sorted(mistakes)), old, counts)


class _Comparison:
    """One environment at two revisions."""

    def __init__(
        self,
        environment: str,
        before: World,
        after: World,
        policies: Policies | None,
        returned: set[str],
        edited: set[str],
    ) -> None:
        self._environment, self._before, self._after = environment, before, after
        self._policies, self._returned, self._edited = policies, returned, edited
        old, new = before.catalogue.documents, after.catalogue.documents
        self._changed = {key for key in new if key not in old or old[key].value != new[key].value}
        self._deleted = sorted(key for key in old if key not in new)
        self._uses: dict[Key, int] = {}

    def campaigns(self) -> list[CampaignChange]:
        found = [
            CampaignChange(self._environment, _name(key), "Deleted", self._before.resolved(key), None)
            for key in self._deleted
            if key[0] == "Campaign"
        ]
        for key in self._after.campaigns:
            closure = self._after.closure(key)
            for each in closure or ():
                self._uses[each] = self._uses.get(each, 0) + 1
            if closure is None:
                if key in self._changed or self._before.closure(key) is not None:
                    found.append(CampaignChange(self._environment, _name(key), "Broken", None, None))
            elif closure & self._changed:
                found += self._campaign(key, closure)
        return found

    def _campaign(self, key: Key, closure: frozenset[Key]) -> list[CampaignChange]:
        before, after = self._before.resolved(key), self._after.resolved(key)
        assert after is not None
        touched = closure & self._changed
        what: What = "Affected" if key not in self._changed else "Edited"
        if key not in self._before.catalogue.documents:
            what = "Added"
        if (
            what == "Affected"
            and before is not None
            and not (field_changes(before, after) or text_diffs(before, after))
        ):
            return []
        resume = after.campaign.spec.model_copy(update={"suspend": False})
        files = {self._after.file(each) for each in touched} & self._edited
        return [
            CampaignChange(
                self._environment,
                _name(key),
                what,
                before,
                after,
                tuple(f"{each[0]} {_name(each)}" for each in sorted(touched - {key})),
                self._denials(key) if key in touched else (),
                self._denied(after.campaign.model_copy(update={"spec": resume})) if after.campaign.spec.suspend else (),
                bool(files) and files <= self._returned,
                self._after.approvals.get(key, ()),
                frozenset(each.metadata.name for each in self._before.approvals.get(key, ())),
                self._before.sender(after.sender.key),
            )
        ]

    def others(self) -> list[OtherChange]:
        """After `campaigns`, which counts who uses what."""
        old = self._before.catalogue.documents
        found = [
            OtherChange(
                self._environment,
                key[0],
                _name(key),
                "Edited" if key in old else "Added",
                self._uses.get(key, 0),
                self._denials(key),
                self._idle(key),
            )
            for key in sorted(self._changed)
            if key[0] != "Campaign"
        ]
        return found + [
            OtherChange(self._environment, key[0], _name(key), "Deleted", 0, ())
            for key in self._deleted
            if key[0] != "Campaign"
        ]

    def _idle(self, key: Key) -> str:
        approval = self._after.catalogue.resources.get(key)
        if not isinstance(approval, CampaignApproval):
            return ""
        campaign = (Campaign.__name__, key[1], approval.spec.campaign)
        if campaign not in self._after.catalogue.documents:
            return f"there is no Campaign {_name(campaign)}"
        resolved = self._after.resolved(campaign)
        if resolved is None or approval.spec.intent_digest == written_digest(resolved):
            return ""
        return f"it is for other content than Campaign {_name(campaign)} has here"

    def _denials(self, key: Key) -> tuple[Denial, ...]:
        resource = self._after.catalogue.resources.get(key)
        old = self._before.catalogue.resources.get(key)
        if isinstance(resource, CampaignApproval) and isinstance(old, CampaignApproval) and old.spec != resource.spec:
            return (EDITED,)
        if resource is None or self._policies is None:
            return ()
        return denials(self._policies, self._environment, request_for(resource, old))

    def _denied(self, campaign: Campaign) -> tuple[Denial, ...]:
        if self._policies is None:
            return ()
        return denials(self._policies, self._environment, request_for(campaign))


def _name(key: Key) -> str:
    return f"{key[1]}/{key[2]}"


def _importance(environment: str) -> int:
    return ("prod", "staging", "test").index(environment)


def _unplaced(mistake: Mistake) -> tuple[str, str, str]:
    return mistake.file, mistake.path, mistake.message


def _link(name: str) -> Mistake:
    return Mistake(name, 0, 0, "", "is a link, which nobody follows", "put the file itself there")
