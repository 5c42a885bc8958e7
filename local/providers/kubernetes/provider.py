"""The stand-in for the Kubernetes provider: every kind, by server-side apply to the kubeconfig's API server."""

from __future__ import annotations

import importlib.metadata
import threading
import time
from collections.abc import Mapping
from typing import Any

from local.providers import differences, wire
from local.providers.acting import Difference, Failed, Made, NotReady
from local.providers.kubernetes import manifests, pods, readiness, refusals
from local.providers.kubernetes.cluster import MANAGER, Cluster, NoKind, Object, Refused
from local.providers.kubernetes.manifests import annotation, describe, identify
from local.providers.server import Mistake
from local.providers.wire import Path, Properties

# The real provider's own deadline for what is waited for.
SECONDS = 600.0
POLL = 0.25
NAMED_BY = ("apiVersion", "kind", "metadata.name", "metadata.namespace")
# Their pods are to be gone as well when they are.
WITH_DEPENDENTS = ("apps/", "batch/")


class Kubernetes:
    """Makes, changes, reads and deletes objects; knows nothing of charts, of Kustomize and of files of manifests."""

    package = "kubernetes"
    version = importlib.metadata.version("pulumi-kubernetes")

    def __init__(self) -> None:
        self._cluster = Cluster(None, None)
        self._stopped = threading.Event()

    def note(self) -> str:
        """What it is, and what it can't."""
        return (
            "STAND-IN for the Kubernetes provider: it applies to the real API server of the kubeconfig, as field "
            f"manager `{MANAGER}`.\n"
            "Not here: Helm, Kustomize, files of manifests, Patch resources, functions, generated names; of an "
            "object's status and defaults nothing is kept as an output."
        )

    def configure(self, settings: Properties) -> None:
        """`kubeconfig` (path or content) and `context`; else KUBECONFIG and its current context."""
        unknown = sorted(settings.keys() - {"kubeconfig", "context", "version", "pluginDownloadURL"})
        if unknown:
            raise Failed(f"the stand-in does not know the provider's setting {', '.join(unknown)}")
        self._cluster = Cluster(settings.get("kubeconfig"), settings.get("context"))

    def check(self, kind: str, inputs: Properties) -> list[Mistake]:
        """Without asking the cluster: the program says names and namespaces."""
        if "/" not in kind or not isinstance(inputs.get("kind"), str) or not isinstance(inputs.get("apiVersion"), str):
            return [Mistake("", f"the stand-in has no resource {kind}")]
        metadata = inputs.get("metadata")
        if metadata == wire.UNKNOWN:
            return []
        if not isinstance(metadata, dict) or not metadata.get("name"):
            return [Mistake("metadata.name", "required: the stand-in makes up no names")]
        return []

    def secret(self, kind: str) -> frozenset[Path]:
        """The content of a Secret, whoever says so."""
        return manifests.SECRET_PATHS if kind.rpartition(":")[2] == manifests.SECRET else frozenset()

    def compare(self, kind: str, identifier: str, old: Properties, new: Properties) -> Difference:
        """What differs; and of that what can't be changed in place, by the API server's own word."""
        changes = differences.compare(old, new)
        replaces = frozenset(changes.keys() & set(NAMED_BY))
        if changes and not replaces and not wire.has_unknown(new):
            replaces = refusals.fixed_paths(self._refusal(new), changes)
        return Difference(changes, replaces)

    def _refusal(self, new: Properties) -> Mapping[str, Any]:
        try:
            self._cluster.apply(manifests.to_manifest(new), force=True, dry_run=True)
        except Refused as error:
            return error.body
        except Failed:
            # Whoever makes the change says why it can't be made.
            return {}
        return {}

    def create(self, kind: str, inputs: Properties, *, preview: bool, seconds: float) -> Made:
        """Apply, and wait until it is ready. What others made already is not taken over."""
        if preview:
            return self._foresee(inputs, new=True)
        manifest = manifests.to_manifest(inputs)
        self._await_end(manifest, seconds)
        self._check_unclaimed(manifest)
        return self._settle(inputs, self._apply(manifest), seconds)

    def update(
        self, kind: str, identifier: str, old: Properties, new: Properties, *, preview: bool, seconds: float
    ) -> Made:
        """The same, for what is there."""
        if preview:
            return self._foresee(new, new=False)
        return self._settle(new, self._apply(manifests.to_manifest(new)), seconds)

    def _foresee(self, inputs: Properties, *, new: bool) -> Made:
        """By the API server, where everything is known and what it needs is there already."""
        if not wire.has_unknown(inputs):
            manifest = manifests.to_manifest(inputs)
            try:
                if new:
                    self._check_unclaimed(manifest)
                live = self._apply(manifest, dry_run=True)
            except NoKind:
                pass
            except Refused as error:
                # Its namespace is yet to be made.
                if error.status != 404:
                    raise
            else:
                if not new:
                    return Made(identify(manifest), manifests.outputs_of(inputs, live), inputs)
        outputs = manifests.outputs_of(inputs, {})
        if new and isinstance(outputs.get("metadata"), dict):
            outputs["metadata"]["uid"] = wire.UNKNOWN
        return Made("", outputs, inputs)

    def _check_unclaimed(self, manifest: Object) -> None:
        live = self._cluster.get(manifest)
        if live is None or _ends(live):
            return
        if MANAGER not in manifests.owners(live):
            raise Failed(
                f"{describe(manifest)} is there already, made by "
                f"{', '.join(sorted(set(manifests.owners(live)))) or 'nobody knows whom'}; "
                "delete it, or leave it out of the program"
            )
        # An `up` that was killed made it and wrote nothing down: it is ours. But a secret that is another one now
        # was given to somebody.
        if manifest["kind"] == manifests.SECRET and manifests.project(manifest, live) != manifest:
            raise Failed(
                f"{describe(manifest)} is there already with another content, and the state knows nothing of it: "
                "was the state lost? Put it back, or delete the Secret together with the data that it opens"
            )

    def _apply(self, manifest: Object, *, dry_run: bool = False) -> Object:
        """What a person changed by hand is taken back; what somebody else declares is not."""
        force = annotation(manifest, "patchForce") == "true"
        try:
            return self._cluster.apply(manifest, force=force, dry_run=dry_run)
        except Refused as error:
            found = refusals.conflicts(error.body)
            if not found:
                raise
            if not all(by_hand for _, _, by_hand in found):
                raise Failed(refusals.explain_conflicts(describe(manifest), found)) from None
        return self._cluster.apply(manifest, force=True, dry_run=dry_run)

    def _settle(self, inputs: Properties, live: Object, seconds: float) -> Made:
        """Wait until it is ready. Raises NotReady when it is not in time, or never will be."""
        end = time.monotonic() + (seconds or SECONDS)
        while True:
            judged = self._judge(inputs, live)
            made = Made(identify(live), manifests.outputs_of(inputs, live), inputs)
            match judged:
                case readiness.Ready():
                    return made
                case readiness.Never(why):
                    raise NotReady(made, f"{describe(live)} won't be ready: {why}")
                case readiness.Waiting(why):
                    if time.monotonic() >= end:
                        said = "; ".join(filter(None, (why, pods.explain(self._pods(live)))))
                        raise NotReady(
                            made, f"{describe(live)} was not ready within {seconds or SECONDS:.0f} s: {said}"
                        )
                    if self._stopped.wait(POLL):
                        raise NotReady(made, f"{describe(live)} was not waited for: {why}")
            there = self._cluster.get(live)
            if there is None:
                raise Failed(f"{describe(live)} was deleted by somebody while it was waited for")
            live = there

    def _pods(self, live: Object) -> list[Object]:
        chosen = ((live.get("spec") or {}).get("selector") or {}).get("matchLabels")
        if not chosen or not live["metadata"].get("namespace"):
            return []
        try:
            return self._cluster.pods(live["metadata"]["namespace"], chosen)
        except Failed:
            return []

    def _judge(self, inputs: Properties, live: Object) -> readiness.Judged:
        if annotation(inputs, "skipAwait") == "true":
            return readiness.Ready()
        judged = readiness.judge(live)
        if live["kind"] == "PersistentVolumeClaim" and isinstance(judged, readiness.Waiting):
            name = (live.get("spec") or {}).get("storageClassName")
            found = self._cluster.storage_class(name) if name else None
            if found and found.get("volumeBindingMode") == "WaitForFirstConsumer":
                return readiness.Ready()
        return judged

    def read(self, kind: str, identifier: str, inputs: Properties, outputs: Properties) -> Made | None:
        """What is there of what is declared: defaults, status and what others added are no drift.

        What is being deleted is as good as gone: nothing brings it back.
        """
        known = inputs or outputs
        if not known:
            raise Failed(f"the stand-in can't import {kind} {identifier}: only what it made itself is read")
        live = self._cluster.get(known)
        if live is None or _ends(live):
            return None
        if not inputs:
            inputs = manifests.bare(live)
        found = manifests.inputs_of(inputs, live, self._wanted(manifests.to_manifest(inputs)))
        return Made(identify(live), manifests.outputs_of(found, live), found)

    def _wanted(self, manifest: Object) -> Object | None:
        try:
            return self._cluster.apply(manifest, force=True, dry_run=True)
        except Failed:
            return None

    def delete(self, kind: str, identifier: str, outputs: Properties, *, seconds: float) -> None:
        """Until it is gone, its pods before it."""
        foreground = str(outputs["apiVersion"]).startswith(WITH_DEPENDENTS)
        policy = annotation(outputs, "deletionPropagationPolicy") or ("foreground" if foreground else "background")
        uid = outputs["metadata"].get("uid")
        if self._cluster.delete(outputs, policy=policy.capitalize(), uid=uid):
            self._await_end(outputs, seconds)

    def _await_end(self, manifest: Object, seconds: float) -> None:
        """While it is being deleted. Raises Failed."""
        end = time.monotonic() + (seconds or SECONDS)
        while (live := self._cluster.get(manifest)) is not None and _ends(live):
            if time.monotonic() >= end:
                raise Failed(f"{describe(manifest)} is not gone after {seconds or SECONDS:.0f} s: {_why_there(live)}")
            if self._stopped.wait(POLL):
                raise Failed(f"{describe(manifest)} is being deleted, and was not waited for")

    def stop(self) -> None:
        """End all waiting."""
        self._stopped.set()


def _ends(live: Object) -> bool:
    return bool(live["metadata"].get("deletionTimestamp"))


def _why_there(live: Object) -> str:
    conditions = (live.get("status") or {}).get("conditions") or ()
    said = [str(each.get("message")) for each in conditions if each.get("status") == "True" and each.get("message")]
    finalizers = [*(live["metadata"].get("finalizers") or ()), *((live.get("spec") or {}).get("finalizers") or ())]
    return "; ".join([*said, f"finalizers {', '.join(finalizers) or 'none'}"])
