"""One leader among the replicas, by a Lease. Renewed in a thread of its own: a busy event loop loses no leadership.

A replica that could not renew in time ends at once, because another may lead by now; whatever writes asks first
(`check`), so that one that slept through its Lease does no harm when it wakes. One that stops releases the Lease, so
that the other begins within a second. Clocks are not compared: a Lease is over when it did not change for its duration
by the clock of whoever watches it. Each renewal also writes down what the ledger knew (mirror.py).
https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from herold.errors import HeroldError, NotFound
from herold.journal import Journal
from herold_operator.api import Conflict, KubernetesApi, load_configuration
from herold_operator.health import Health
from herold_operator.mirror import Mirror
from herold_operator.settings import OperatorSettings

LOST = 70  # exit code, EX_SOFTWARE
POLL_SECONDS = 0.5
# A leader that could not renew for this share of the Lease gives up, before another takes over.
GIVE_UP = 0.8


class Leadership:
    """Use: `start`, wait until `on_leading` is called, lead, `stop`."""

    def __init__(
        self,
        settings: OperatorSettings,
        journal: Journal,
        health: Health,
        on_leading: Callable[[], None],
        mirror: Mirror | None = None,
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._health = health
        self._on_leading = on_leading
        self.mirror = mirror or Mirror()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leadership", daemon=True)
        collection = f"/apis/coordination.k8s.io/v1/namespaces/{settings.lease_namespace}/leases"
        self._collection, self._path = collection, f"{collection}/{settings.lease_name}"
        self._seen: tuple[Any, float] = (None, 0.0)
        self._renewed = 0.0
        self._leads = False

    def start(self) -> None:
        """Begin to ask for the Lease."""
        self._thread.start()

    def stop(self) -> None:
        """Release the Lease, if it is held, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def check(self) -> None:
        """End the process if another replica may lead by now, or this one never led. From any thread, before each
        write."""
        if not self._leads or (not self._stop.is_set() and _clock() >= self._limit):
            self._lose()

    @property
    def _limit(self) -> float:
        return self._renewed + self._settings.lease_seconds * GIVE_UP

    def _lose(self) -> None:
        self._journal.write("error", "leadership_lost", identity=self._settings.identity)
        os._exit(LOST)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        api = KubernetesApi(await load_configuration())
        try:
            await self._acquire(api)
            if not self._stop.is_set():
                self._leads = True
                self._journal.write("info", "leading", identity=self._settings.identity)
                self._on_leading()
                await self._keep(api)
                await self._release(api)
        finally:
            await api.close()

    async def _acquire(self, api: KubernetesApi) -> None:
        while not self._stop.is_set():
            try:
                self._renewed = _clock()
                taken = await self._take(api)
                self._health.asked = True
                if taken:
                    return
            except Conflict:
                self._health.asked = True  # another replica was faster
            except HeroldError as error:
                self._journal.write("warning", "lease_not_asked", message=error.message[:300])
            await asyncio.sleep(POLL_SECONDS)

    async def _take(self, api: KubernetesApi) -> bool:
        try:
            lease = await api.request("GET", self._path)
        except NotFound:
            await api.request("POST", self._collection, self._lease(None))
            return True
        spec = lease.get("spec", {})
        holder = spec.get("holderIdentity")
        if holder and holder != self._settings.identity and not self._is_over(spec):
            return False
        if not self.mirror.recall(lease):
            self._journal.write("warning", "mirror_unreadable", resource=self._settings.lease_name)
        await api.request("PUT", self._path, self._lease(lease))
        return True

    def _is_over(self, spec: dict[str, Any]) -> bool:
        state, now = (spec.get("holderIdentity"), spec.get("renewTime")), _clock()
        if self._seen[0] != state:
            self._seen = (state, now)
        return now - self._seen[1] > float(spec.get("leaseDurationSeconds", self._settings.lease_seconds))

    async def _keep(self, api: KubernetesApi) -> None:
        every = self._settings.lease_seconds / 4
        while not self._stop.is_set():
            await asyncio.to_thread(self._stop.wait, every)
            if self._stop.is_set():
                return
            try:
                began = _clock()
                await asyncio.wait_for(self._renew(api), max(0.1, self._limit - began))
                self._renewed, every = began, self._settings.lease_seconds / 4
            except (HeroldError, TimeoutError) as error:
                if isinstance(error, _Taken) or _clock() >= self._limit:
                    self._lose()
                every = 0.5

    async def _renew(self, api: KubernetesApi) -> None:
        lease = await api.request("GET", self._path)
        if lease["spec"].get("holderIdentity") != self._settings.identity:
            raise _Taken("another replica holds the Lease")
        await api.request("PUT", self._path, self._lease(lease))

    async def _release(self, api: KubernetesApi) -> None:
        try:
            lease = await api.request("GET", self._path)
            if lease["spec"].get("holderIdentity") == self._settings.identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
                self.mirror.note(lease)
                await api.request("PUT", self._path, lease)
        except HeroldError as error:
            self._journal.write("warning", "lease_not_released", message=error.message[:300])

    def _lease(self, lease: dict[str, Any] | None) -> dict[str, Any]:
        base = lease or {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._settings.lease_name, "namespace": self._settings.lease_namespace},
        }
        before = base.get("spec", {})
        held = before.get("holderIdentity") == self._settings.identity
        spec = {
            "holderIdentity": self._settings.identity,
            "leaseDurationSeconds": self._settings.lease_seconds,
            "acquireTime": before.get("acquireTime", _now()) if held else _now(),
            "renewTime": _now(),
            "leaseTransitions": int(before.get("leaseTransitions", 0)) + (0 if held else 1),
        }
        made = {**base, "metadata": dict(base["metadata"]), "spec": spec}
        self.mirror.note(made)
        return made


class _Taken(HeroldError):
    """Somebody else leads."""


def _clock() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
