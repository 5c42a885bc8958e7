"""The API server, asked through kubectl: the cluster of our own, or the context that HEROLD_CONTEXT names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.command import CommandFailed, run, succeeds

FIELD_MANAGER = "herold-local"


@dataclass(frozen=True)
class Kubectl:
    """kubectl with its context. `kubeconfig` is None for a context of the user's own configuration."""

    program: str
    kubeconfig: Path | None
    context: str

    def __call__(self, *words: str, given: str | None = None, seconds: float = 30) -> str:
        """Standard output. Raises CommandFailed."""
        config = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        return run([self.program, *config, f"--context={self.context}", *words], seconds=seconds, given=given)

    def get(self, *words: str) -> Mapping[str, Any] | None:
        """A resource or list as JSON; None when it, or the server, is not there."""
        try:
            answer = json.loads(self("get", *words, "-o", "json", seconds=10))
        except CommandFailed:
            return None
        assert isinstance(answer, dict)
        return answer

    def ready(self) -> bool:
        """Whether the API server says that it is ready."""
        config = [f"--kubeconfig={self.kubeconfig}"] if self.kubeconfig else []
        return succeeds([self.program, *config, f"--context={self.context}", "get", "--raw", "/readyz"])

    def apply(self, manifests: str) -> None:
        """Server-side apply; conflicts are ours, because these resources are this program's."""
        self(
            "apply",
            "--server-side",
            "--force-conflicts",
            f"--field-manager={FIELD_MANAGER}",
            "-f",
            "-",
            given=manifests,
        )
