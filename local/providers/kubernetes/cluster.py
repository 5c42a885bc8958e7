"""The API server as the stand-in asks it: kinds by discovery, server-side apply, deletion of this very object."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from local.providers.acting import Failed
from local.providers.kubernetes.manifests import describe

from herold.errors import HeroldError, Temporary
from herold_kubectl.cluster import Answer
from herold_kubectl.cluster import Cluster as Connection

MANAGER = "pulumi"
SECONDS = 60.0
# An API server that restarts, or that is asked for too much at once.
TRIES, PAUSE = 5, 1.0
BUSY = (429, 500, 502, 503, 504)

Object = dict[str, Any]


class Refused(Failed):
    """The API server's own no."""

    def __init__(self, what: str, answer: Answer) -> None:
        self.status, self.body = answer.status, _body(answer)
        super().__init__(f"{what}: {self.body.get('message') or f'status {answer.status}'}")


class NoKind(Failed):
    """The API server serves no such kind, or not yet."""


@dataclass(frozen=True)
class Kind:
    """Where objects of a kind are."""

    root: str
    plural: str
    namespaced: bool

    def path(self, manifest: Mapping[str, Any]) -> str:
        """Path of one object. Raises Failed where it lacks its namespace."""
        metadata = manifest["metadata"]
        if self.namespaced and not metadata.get("namespace"):
            raise Failed(f"{describe(manifest)} says no metadata.namespace")
        where = f"/namespaces/{quote(metadata['namespace'], safe='')}" if self.namespaced else ""
        return f"{self.root}{where}/{self.plural}/{quote(metadata['name'], safe='')}"


class Cluster:
    """Connects when it is first asked: whoever has nothing to change asks nothing."""

    def __init__(self, kubeconfig: str | None, context: str | None) -> None:
        self._kubeconfig, self._context = kubeconfig, context
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._kinds: dict[tuple[str, str], Kind] = {}

    def get(self, manifest: Mapping[str, Any]) -> Object | None:
        """The object as it is; None when it is not there, nor its kind."""
        try:
            path = self.kind_of(manifest).path(manifest)
        except NoKind:
            return None
        return self._get(path, describe(manifest))

    def storage_class(self, name: str) -> Object | None:
        """A class of volumes."""
        return self._get(f"/apis/storage.k8s.io/v1/storageclasses/{quote(name, safe='')}", f"StorageClass {name}")

    def pods(self, namespace: str, labels: Mapping[str, str]) -> list[Object]:
        """The pods with these labels. Raises Refused."""
        chosen = ",".join(f"{key}={value}" for key, value in labels.items())
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"
        answer = self._send("GET", path, query={"labelSelector": chosen})
        found: list[Object] = _object("pods", answer).get("items", [])
        return found

    def _get(self, path: str, what: str) -> Object | None:
        answer = self._send("GET", path)
        if answer.status == 404:
            return None
        return _object(what, answer)

    def apply(self, manifest: Object, *, force: bool = False, dry_run: bool = False) -> Object:
        """Server-side apply. Raises NoKind, Refused."""
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict", "force": str(force).lower()}
        answer = self._send(
            "PATCH",
            self.kind_of(manifest).path(manifest),
            query={**query, **({"dryRun": "All"} if dry_run else {})},
            body=manifest,
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        return _object(describe(manifest), answer)

    def delete(self, manifest: Object, *, policy: str, uid: str | None) -> bool:
        """Whether it was there: an object of that name which somebody else made meanwhile is not. Raises Refused."""
        try:
            path = self.kind_of(manifest).path(manifest)
        except NoKind:
            return False
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
        if uid:
            body["preconditions"] = {"uid": uid}
        answer = self._send("DELETE", path, body=body)
        if answer.status in (404, 409):
            return False
        if answer.status >= 400:
            raise Refused(describe(manifest), answer)
        return True

    def kind_of(self, manifest: Mapping[str, Any]) -> Kind:
        """By discovery, remembered. Raises NoKind; Refused where it does not say which kinds there are."""
        version, kind = str(manifest["apiVersion"]), str(manifest["kind"])
        with self._lock:
            found = self._kinds.get((version, kind))
        if found is None:
            root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
            answer = self._send("GET", root)
            # Only "not found" means that there is none: whoever is not let in must not think that all is gone.
            listed = () if answer.status == 404 else _object(version, answer).get("resources", ())
            made = {
                (version, each["kind"]): Kind(root, each["name"], bool(each["namespaced"]))
                for each in listed
                if "/" not in each["name"]
            }
            with self._lock:
                self._kinds |= made
            found = made.get((version, kind))
        if found is None:
            raise NoKind(f"the API server has no kind {kind} in {version}")
        return found

    def _send(self, method: str, path: str, **options: Any) -> Answer:
        """Each of these requests may be made again: an apply as well, and the deletion of one uid."""
        for left in reversed(range(TRIES)):
            try:
                answer = self._connect().send(method, path, seconds=SECONDS, **options)
            except Temporary as error:
                if not left:
                    raise Failed(f"{error}; is the cluster up, and the kubeconfig its own?") from None
            else:
                if not left or answer.status not in BUSY:
                    return answer
            time.sleep(PAUSE)
        raise AssertionError("unreachable")

    def _connect(self) -> Connection:
        with self._lock:
            if self._connection is None:
                try:
                    self._connection = _connection(self._kubeconfig, self._context)
                except HeroldError as error:
                    raise Failed(str(error)) from None
            return self._connection


def _connection(kubeconfig: str | None, context: str | None) -> Connection:
    """`kubeconfig`: a path, or its content as the real provider takes it too."""
    if kubeconfig is None or ("\n" not in kubeconfig.strip() and not kubeconfig.lstrip().startswith("{")):
        return Connection(kubeconfig, context)
    with tempfile.NamedTemporaryFile("w", suffix=".kubeconfig") as file:
        file.write(kubeconfig)
        file.flush()
        return Connection(file.name, context)


def _body(answer: Answer) -> Object:
    try:
        body = json.loads(answer.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _object(what: str, answer: Answer) -> Object:
    if answer.status >= 400:
        raise Refused(what, answer)
    return _body(answer)
