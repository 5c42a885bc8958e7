"""A stand-in for the kubelet and the Job controller: Jobs of one namespace run as processes of this machine.

It watches Jobs, makes their pods (so that the API server's own PodSecurity judges them), runs the container's arguments
with its environment and its Secrets as files, starts a failed one anew by `backoffLimit` and `podFailurePolicy`, and
writes the statuses that the real ones write. What it does not do: limits, deadlines, images, backoff times.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from parts.herold_processes import Child, shared_forker
from parts.kubernetes import ADMIN, Answer, ApiServer, token_of

Object = dict[str, Any]
STATUS = "application/merge-patch+json"
WATCH_SECONDS = 30
STARTING = {403, 429, 500, 503}  # answers of an API server that is "ready" but has not read everything yet


@dataclass
class Attempt:
    """One pod: its Job's name, its manifest, and its process (None until it runs)."""

    job: str
    pod: Object
    process: Child | None = None


@dataclass
class Node:
    """The one node. `may_run` is asked before each pod runs: None, or the status in which it stays for now."""

    api: ApiServer
    namespace: str
    folder: Path
    may_run: Callable[[Object], Object | None] = lambda pod: None
    attempts: list[Attempt] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    _threads: dict[str, threading.Thread] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _watching: socket.socket | None = None

    def jobs(self) -> list[Object]:
        """Jobs that there are."""
        found: list[Object] = self.api.ask("GET", self._path)["items"]
        return found

    def kill(self, attempt: Attempt) -> None:
        """kill -9 of its process."""
        assert attempt.process is not None
        attempt.process.kill()

    @property
    def _path(self) -> str:
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    # Watching ---------------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """Until `stop`."""
        while not self._stopping.is_set():
            with contextlib.suppress(OSError, Answer, ValueError, http.client.HTTPException):
                listed = self.api.ask("GET", self._path)
                for job in listed["items"]:
                    self._notice(job)
                for job in self._stream(listed["metadata"]["resourceVersion"]):
                    self._notice(job)
            self._stopping.wait(0.05)

    def _stream(self, version: str) -> Iterator[Object]:
        query = f"watch=true&resourceVersion={version}&timeoutSeconds={WATCH_SECONDS}"
        with contextlib.closing(self.api.connections.fresh(timeout=1)) as connection:
            connection.request("GET", f"{self._path}?{query}", headers={"Authorization": f"Bearer {token_of(ADMIN)}"})
            response = connection.getresponse()
            if response.status >= 400:
                raise Answer(response.status, response.read().decode())
            self._watching = connection.sock
            while not self._stopping.is_set():
                try:
                    line = response.readline()
                except TimeoutError:
                    return  # listed again: this is no test of watches
                if not line:
                    return
                event = json.loads(line)
                if event["type"] in ("ADDED", "MODIFIED"):
                    yield event["object"]

    def _notice(self, job: Object) -> None:
        uid = job["metadata"]["uid"]
        if uid in self._threads or is_over(job):
            return
        thread = threading.Thread(target=self._control, args=(job,), name=job["metadata"]["name"])
        self._threads[uid] = thread
        thread.start()

    def stop(self) -> None:
        """Kill what runs, and wait for every thread."""
        self._stopping.set()
        watching = self._watching
        if watching is not None:
            with contextlib.suppress(OSError):
                watching.shutdown(socket.SHUT_RDWR)  # the watch ends now, not when it is listed again
        for attempt in self.attempts:
            if attempt.process is not None:
                attempt.process.kill()
        for thread in list(self._threads.values()):
            thread.join(30)

    # The Job controller -----------------------------------------------------------------------------------------------

    def _control(self, job: Object) -> None:
        patience = time.monotonic() + WATCH_SECONDS
        while not self._stopping.wait(0.05):
            try:
                self._attempt(job)
                return
            except OSError:
                continue  # the API server is away
            except Answer as answer:
                if answer.code in STARTING and time.monotonic() < patience:
                    continue  # as the real controller does
                if self._is_there(job):
                    raise  # a mistake of this stand-in
                return

    def _attempt(self, job: Object) -> None:
        self._job_status(job, {"active": 1, "uncountedTerminatedPods": {}})
        for number in range(job["spec"]["backoffLimit"] + 1):
            code = self._run(job)
            if code is None:
                return
            if code == 0:
                self._end(job, ("SuccessCriteriaMet", "Complete"), "CompletionsReached", {"succeeded": 1})
                return
            if code in _for_good(job):
                self._end(job, ("FailureTarget", "Failed"), "PodFailurePolicy", {"failed": number + 1})
                return
        self._end(job, ("FailureTarget", "Failed"), "BackoffLimitExceeded", {"failed": number + 1})

    def _end(self, job: Object, conditions: tuple[str, ...], reason: str, counts: dict[str, int]) -> None:
        now = _now()
        stated = [
            {"type": each, "status": "True", "reason": reason, "lastTransitionTime": now, "lastProbeTime": now}
            for each in conditions
        ]
        # The API server wants the interim condition first.
        done = {"completionTime": now} if "Complete" in conditions else {}
        base = {"active": 0, "uncountedTerminatedPods": {}, **counts}
        self._job_status(job, {**base, "conditions": stated[:1]})
        self._job_status(job, {**base, **done, "conditions": stated})

    def _job_status(self, job: Object, status: Object) -> None:
        begun = {"startTime": job["metadata"]["creationTimestamp"]}
        path = f"{self._path}/{job['metadata']['name']}/status"
        self.api.ask("PATCH", path, {"status": {**begun, **status}}, kind=STATUS)

    # The kubelet ------------------------------------------------------------------------------------------------------

    def _run(self, job: Object) -> int | None:
        """Run one pod of the Job; its exit code, None when it never ran to an end."""
        template, name = job["spec"]["template"], job["metadata"]["name"]
        labels = {**template["metadata"].get("labels", {}), "batch.kubernetes.io/job-name": name}
        manifest = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"{name}-{uuid4().hex[:5]}", "namespace": self.namespace, "labels": labels},
            "spec": template["spec"],
        }
        pod = self.api.ask("POST", f"/api/v1/namespaces/{self.namespace}/pods", manifest)
        attempt = Attempt(name, pod)
        self.attempts.append(attempt)
        while (obstacle := self.may_run(pod)) is not None:
            self._pod_status(pod, obstacle)
            if self._stopping.wait(0.1) or not self._is_there(job):
                return None
        if not self._is_there(job):
            return None
        root = self.folder / pod["metadata"]["name"]
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(shutil.rmtree, root, ignore_errors=True)
            environ = self._environ(pod, root)
            log = root / "log"
            if self._stopping.is_set():
                return None
            attempt.process = shared_forker().start(pod["spec"]["containers"][0]["args"], environ, log)
            self._pod_status(pod, {"phase": "Running"})
            code = attempt.process.wait()
            if self._stopping.is_set():
                return None
            terminated: Object = {
                "exitCode": code,
                "finishedAt": _now(),
                "reason": "Completed" if not code else "Error",
            }
            if code:
                terminated["message"] = log.read_text()[-2048:]
            self._pod_status(
                pod,
                {
                    "phase": "Failed" if code else "Succeeded",
                    "containerStatuses": [container_status(pod, {"terminated": terminated})],
                },
            )
        return code

    def _pod_status(self, pod: Object, status: Object) -> None:
        with contextlib.suppress(Answer):
            path = f"/api/v1/namespaces/{self.namespace}/pods/{pod['metadata']['name']}/status"
            self.api.ask("PATCH", path, {"status": status}, kind=STATUS)

    def _is_there(self, job: Object) -> bool:
        try:
            found = self.api.ask("GET", f"{self._path}/{job['metadata']['name']}")
        except Answer as error:
            if error.code != 404:
                raise
            return False
        return bool(found["metadata"]["uid"] == job["metadata"]["uid"])

    def _environ(self, pod: Object, root: Path) -> dict[str, str]:
        """The container's environment; paths in it lead into `root`, where its volumes are."""
        container, volumes = pod["spec"]["containers"][0], {each["name"]: each for each in pod["spec"]["volumes"]}
        mounts = [each["mountPath"] for each in container["volumeMounts"]]
        for mount in container["volumeMounts"]:
            folder = root / mount["mountPath"].lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            secret = volumes[mount["name"]].get("secret")
            if secret is None:
                continue
            try:
                data = self._secret(secret["secretName"])
            except Answer:
                if not secret.get("optional"):
                    raise
                continue
            for key, value in data.items():
                (folder / key).write_bytes(value)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("HEROLD_", "KUBE"))}
        for each in container["env"]:
            if "value" in each:
                inside = any(mount.startswith(each["value"]) or each["value"].startswith(mount) for mount in mounts)
                is_path = each["value"].startswith("/") and inside
                environ[each["name"]] = str(root / each["value"].lstrip("/")) if is_path else each["value"]
            else:
                reference = each["valueFrom"]["secretKeyRef"]
                environ[each["name"]] = self._secret(reference["name"])[reference["key"]].decode()
        return environ | self.environ

    def _secret(self, name: str) -> dict[str, bytes]:
        data = self.api.ask("GET", f"/api/v1/namespaces/{self.namespace}/secrets/{name}").get("data", {})
        return {key: base64.b64decode(value) for key, value in data.items()}


def container_status(pod: Object, state: Object) -> Object:
    """The status of a pod's one container."""
    container = pod["spec"]["containers"][0]
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": False,
        "restartCount": 0,
        "state": state,
    }


def is_over(job: Object) -> bool:
    """Whether a Job is complete, or failed."""
    stated = job.get("status", {}).get("conditions", ())
    return any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in stated)


def _for_good(job: Object) -> set[int]:
    rules = job["spec"].get("podFailurePolicy", {}).get("rules", ())
    return {code for rule in rules if rule["action"] == "FailJob" for code in rule["onExitCodes"]["values"]}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def node_in(api: ApiServer, namespace: str, folder: Path) -> Iterator[Node]:
    """Jobs of that namespace run until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    node = Node(api, namespace, folder)
    watching = threading.Thread(target=node.watch, name="node")
    watching.start()
    try:
        yield node
    finally:
        node.stop()
        watching.join(30)
