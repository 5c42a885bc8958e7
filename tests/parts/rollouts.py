"""A FAKE of two controllers, for API servers that have none: every StatefulSet says that its pods are ready, every
claim that it is bound. What it says of a real cluster is nothing."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from parts.kubernetes import Answer, ApiServer

MERGE = "application/merge-patch+json"


@contextmanager
def rolling_out(server: ApiServer) -> Iterator[None]:
    """While the block runs."""
    stop = threading.Event()
    thread = threading.Thread(target=_follow, args=(server, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(30)


def _follow(server: ApiServer, stop: threading.Event) -> None:
    while not stop.wait(0.1):
        # What is gone meanwhile, and a server that is gone, are no concern of its.
        with contextlib.suppress(Answer, OSError):
            for item in server.ask("GET", "/apis/apps/v1/statefulsets")["items"]:
                metadata, wanted = item["metadata"], item["spec"]["replicas"]
                status = {
                    "observedGeneration": metadata["generation"],
                    "replicas": wanted,
                    "readyReplicas": wanted,
                    "updatedReplicas": wanted,
                    "availableReplicas": wanted,
                }
                if any(item["status"].get(name) != value for name, value in status.items()):
                    path = f"/apis/apps/v1/namespaces/{metadata['namespace']}/statefulsets/{metadata['name']}/status"
                    server.ask("PATCH", path, {"status": status}, kind=MERGE)
            for item in server.ask("GET", "/api/v1/persistentvolumeclaims")["items"]:
                if item["status"].get("phase") != "Bound":
                    metadata = item["metadata"]
                    path = (
                        f"/api/v1/namespaces/{metadata['namespace']}/persistentvolumeclaims/{metadata['name']}/status"
                    )
                    server.ask("PATCH", path, {"status": {"phase": "Bound"}}, kind=MERGE)
