"""A stack of this repository through the real engine, with stand-ins where the real providers can't be had.

State, plugins and credentials of the person who calls it are left alone: everything lies below one folder.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.cluster.layout import CHECKOUT
from local.command import CommandFailed
from local.engine.tools import Engine

PACK = CHECKOUT / "policies" / "crossguard"
STAND_INS = {"aws": "pulumi-aws"}
SECONDS = 300.0
# The state below `build/` is a throw-away one; a real stack names its key by `secretsprovider`.
PASSPHRASE = "only for previews with stand-ins"  # noqa: S105


@dataclass(frozen=True)
class Judged:
    """What the engine said: its exit code, its answer and its complaints."""

    code: int
    said: str
    complained: str = ""

    @property
    def text(self) -> str:
        """All of its words."""
        return self.said + self.complained

    @property
    def ok(self) -> bool:
        """Whether nothing was refused."""
        return self.code == 0


@dataclass(frozen=True)
class Session:
    """A folder for state and plugins, a project, a stack. `project` is the folder of Pulumi.yaml."""

    engine: Engine
    folder: Path
    stack: str
    project: Path = CHECKOUT

    def prepare(self) -> None:
        """Make the folder, the stand-ins' plugins and the stack. Does nothing that is done already."""
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        for package, distribution in STAND_INS.items():
            version = importlib.metadata.version(distribution)
            plugin = self.folder / "home" / "plugins" / f"resource-{package}-v{version}"
            plugin.mkdir(parents=True, exist_ok=True)
            program = plugin / f"pulumi-resource-{package}"
            python = f'exec "{sys.executable}" -m local.providers.{package} "$@"'
            program.write_text(f'#!/bin/sh\nexport PYTHONPATH="{CHECKOUT}"\n{python}\n')
            program.chmod(0o755)
        self._lay_out()
        state = self.folder / "state" / ".pulumi" / "stacks"
        if not list(state.rglob(f"{self.stack}.json")):
            self._pulumi("stack", "init", self.stack, "--non-interactive")

    @property
    def _work(self) -> Path:
        return self.folder / "project"

    def _lay_out(self) -> None:
        """The project by links, its settings as copies: the engine writes the salt of its key into them."""
        source, target = self.project / "pulumi", self._work / "pulumi"
        (target / "stacks").mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.project / "Pulumi.yaml", self._work / "Pulumi.yaml")
        for link, goal in (
            (self._work / ".venv", Path(sys.prefix)),
            (target / "__main__.py", source / "__main__.py"),
            (target / "herold_infra", source / "herold_infra"),
        ):
            link.unlink(missing_ok=True)
            link.symlink_to(goal)
        name = f"Pulumi.{self.stack}.yaml"
        copy = target / "stacks" / name
        kept = copy.read_text().splitlines(keepends=True) if copy.exists() else []
        salt = [line for line in kept if line.startswith("encryptionsalt:")]
        copy.write_text((source / "stacks" / name).read_text() + "".join(salt))

    def preview(self, *, pack: Path | None = PACK) -> Judged:
        """What `up` would do, judged by the policies."""
        return self._judged("preview", *_policies(pack))

    def up(self, *, pack: Path | None = PACK) -> Judged:
        """Make it, on the stand-ins."""
        return self._judged("up", "--yes", "--skip-preview", *_policies(pack))

    def state(self) -> dict[str, Any]:
        """The state, as it is stored."""
        state = json.loads(self._pulumi("stack", "export"))
        assert isinstance(state, dict)
        return state

    def _judged(self, *words: str) -> Judged:
        return self._call(*words, "--stack", self.stack, "--non-interactive", "--color", "never")

    def _pulumi(self, *words: str) -> str:
        judged = self._call(*words, *(() if words[:2] == ("stack", "init") else ("--stack", self.stack)))
        if not judged.ok:
            raise CommandFailed(f"pulumi {' '.join(words[:2])} ended with {judged.code}\n{judged.text}")
        return judged.said

    def _call(self, *words: str) -> Judged:
        """The engine in a session of its own: what it started goes with it when its time is over."""
        with subprocess.Popen(
            [str(self.engine.pulumi), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self._work,
            env=self._environ(),
            start_new_session=True,
        ) as process:
            try:
                said, complained = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                raise CommandFailed(f"pulumi {words[0]} did not end within {SECONDS:.0f} s") from None
            finally:
                # Nothing is left of it after a normal end; after an abort its plugins would stay. They have groups of
                # their own, but share its session.
                for pid in _members(process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        return Judged(process.returncode, said, complained)

    def _environ(self) -> dict[str, str]:
        # Whatever points at a real account stays out.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PULUMI_"))}
        path = os.pathsep.join([*map(str, self.engine.folders), str(Path(sys.executable).parent), kept.get("PATH", "")])
        return {
            **kept,
            "PATH": path,
            "PYTHONSAFEPATH": "1",
            "PYTHONWARNINGS": "error::DeprecationWarning:herold_infra",
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder}/state",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # The state is written at the end, not after each of some hundred resources: it is a throw-away one.
            "PULUMI_EXPERIMENTAL": "true",
            "PULUMI_SKIP_CHECKPOINTS": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
        }


def _members(session: int) -> list[int]:
    """The processes of a session."""
    members = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(ValueError, ProcessLookupError):
            if os.getsid(int(folder.name)) == session:
                members.append(int(folder.name))
    return members


def _policies(pack: Path | None) -> Sequence[str]:
    return ["--policy-pack", str(pack)] if pack else []


__all__ = ["PACK", "CommandFailed", "Judged", "Session"]
