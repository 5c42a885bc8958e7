"""Kubernetes' own controllers beside the API server of tests: namespaces go, sets are seen, orphans are collected.

No kubelet: a pod is a wish.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from parts.kubernetes import ApiServer

PROGRAM = "kube-controller-manager"
WORK = ("namespace-controller", "garbage-collector-controller", "deployment-controller", "replicaset-controller")


@contextlib.contextmanager
def controllers_of(server: ApiServer) -> Iterator[None]:
    """The controllers, until the block ends. Skips where the program is not built."""
    program = server.tools["kube-apiserver"].parent / PROGRAM
    if not program.is_file():
        pytest.skip(f"{PROGRAM} is not built: make up")
    server.commands[PROGRAM] = [
        str(program),
        f"--kubeconfig={server.kubeconfig()}",
        f"--controllers={','.join((*WORK, 'statefulset-controller'))}",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--secure-port=0",
        "--concurrent-gc-syncs=2",
    ]
    server.start(PROGRAM)
    try:
        yield
    finally:
        server.stop(PROGRAM)
