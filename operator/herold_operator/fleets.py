"""The workers of every SenderProfile, kept as many as the backlog keeps busy."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from herold.errors import NotFound
from herold.journal import Journal
from herold.resources.meta import Key
from herold.resources.sender import SenderProfile
from herold_operator.api import KubernetesApi
from herold_operator.pods import Platform
from herold_operator.settings import OperatorSettings
from herold_operator.snapshot import Backlog
from herold_operator.workers import (
    APPLIED,
    ASKED,
    NAMESPACE_LABEL,
    SELECTOR,
    SENDER_LABEL,
    build_worker_deployment,
    deployment_name,
    wanted_replicas,
)

WORKERS = "Workers"  # kind of the keys under which they wait in the queue


@dataclass(frozen=True, slots=True)
class _Live:
    """A Deployment as it is; `asked` is what we asked for, `replicas` what it has since somebody scaled it by hand."""

    digest: str
    replicas: int
    asked: int


@dataclass(slots=True)
class Fleets:
    """Deployments by sender: (namespace, name)."""

    api: KubernetesApi
    platform: Platform
    settings: OperatorSettings
    journal: Journal
    _live: dict[tuple[str, str], _Live] = field(default_factory=dict)
    _fewer_since: dict[tuple[str, str], float] = field(default_factory=dict)

    def asked(self) -> dict[tuple[str, str], int]:
        """Workers that were asked for, by sender."""
        return {sender: live.asked for sender, live in self._live.items()}

    @property
    def _path(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.platform.namespace}/deployments"

    async def list_all(self) -> None:
        """See what there is: after a start nothing is applied that is there already, and drift is found."""
        found = {}
        for item in await self.api.list(self._path, SELECTOR):
            labels, annotations = item["metadata"]["labels"], item["metadata"].get("annotations", {})
            sender = (labels.get(NAMESPACE_LABEL, ""), labels.get(SENDER_LABEL, ""))
            found[sender] = _Live(
                annotations.get(APPLIED, ""), item["spec"].get("replicas", 1), int(annotations.get(ASKED, 0))
            )
        self._live = found

    def due(
        self, backlog: Mapping[tuple[str, str], Backlog], senders: Mapping[Key, SenderProfile], now: float
    ) -> set[Key]:
        """Keys of the fleets that are not as they should be. `now` is monotonic."""
        places = {*self._live, *((key[1], key[2]) for key in senders)}
        found: set[Key] = set()
        for place in places:
            work = backlog.get(place, Backlog(*place, due=0, chores=False))
            sender = senders.get(("SenderProfile", *place))
            manifest = self._manifest(place, sender, work, now)
            live = self._live.get(place)
            is_left_over = sender is None and live is not None and work.due == 0 and not work.chores
            if is_left_over or (manifest is not None and _as_live(manifest) != live):
                found.add((WORKERS, *place))
        return found

    async def reconcile(self, key: Key, sender: SenderProfile | None, work: Backlog, now: float) -> None:
        """Make one fleet as it should be."""
        place = (key[1], key[2])
        if sender is None:
            # Runs that are under way keep their workers; the profile is pinned in them.
            if place in self._live and work.due == 0 and not work.chores:
                with contextlib.suppress(NotFound):
                    await self.api.request("DELETE", f"{self._path}/{deployment_name(*place)}")
                self._live.pop(place, None)
            return
        manifest = self._manifest(place, sender, work, now)
        if manifest is None or _as_live(manifest) == self._live.get(place):
            return
        await self.api.apply(f"{self._path}/{deployment_name(*place)}", manifest)
        self._live[place] = _as_live(manifest)
        self._fewer_since.pop(place, None)
        self.journal.write(
            "info", "workers", sender="/".join(place), replicas=manifest["spec"]["replicas"], due=work.due
        )

    def _manifest(
        self, place: tuple[str, str], sender: SenderProfile | None, work: Backlog, now: float
    ) -> dict[str, Any] | None:
        """None: nothing is to be made."""
        if sender is None:
            return None
        live = self._live.get(place)
        replicas = wanted_replicas(work, sender, self.settings)
        if live is None and replicas == 0:
            return None
        if live is not None and replicas < live.asked:
            # A pause between two waves is no reason to let warm workers go.
            since = self._fewer_since.setdefault(place, now)
            if now - since < self.settings.workers_idle:
                replicas = live.asked
        else:
            self._fewer_since.pop(place, None)
        return build_worker_deployment(sender, replicas, self.platform)


def _as_live(manifest: Mapping[str, Any]) -> _Live:
    replicas = manifest["spec"]["replicas"]
    return _Live(manifest["metadata"]["annotations"][APPLIED], replicas, replicas)
