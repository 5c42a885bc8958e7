"""A stack of this repository through the real engine, with stand-ins where the real providers can't be had.

State, plugins and credentials of the person who calls it are left alone: everything lies below one folder. Of two
sessions on one folder the second is refused. What a killed one left, processes, locks and operations that nobody knows
the end of, the next one clears away first.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.cluster.layout import CHECKOUT
from local.command import CommandFailed
from local.engine.changes import Change, read_changes
from local.engine.remains import drop_files, end_processes, members, was_cut_off
from local.engine.stack_file import lay_out, write_whole
from local.engine.tools import Engine

PACK = CHECKOUT / "policies" / "crossguard"
STAND_INS = {"aws": "pulumi-aws", "kubernetes": "pulumi-kubernetes", "random": "pulumi-random"}
SECONDS = 300.0
# The state below `build/` is a throw-away one; the passphrase of a real one is drawn, and lies beside it.
PASSPHRASE = "only for previews with stand-ins"  # noqa: S105


@dataclass(frozen=True)
class Judged:
    """What the engine said: its exit code, its answer and its complaints."""

    code: int
    said: str
    complained: str = ""
    changes: tuple[Change, ...] = ()

    @property
    def text(self) -> str:
        """All of its words."""
        return self.said + self.complained

    @property
    def ok(self) -> bool:
        """Whether nothing was refused."""
        return self.code == 0


class Busy(CommandFailed):
    """Another session is at work on the same folder."""


@dataclass(frozen=True)
class Session:
    """A folder for state and plugins, a project, a stack. `project` is the folder of Pulumi.yaml.

    `values` are written over `herold:stack` of the stack's file, in the session's copy of it. `environ` is added to the
    environment. `real`: something is really made, so the state is written with each step and its secrets have a
    passphrase of their own. `seconds`: what one command of the engine may take.
    """

    engine: Engine
    folder: Path
    stack: str
    project: Path = CHECKOUT
    values: Mapping[str, Any] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    real: bool = False
    seconds: float | None = None

    def prepare(self) -> None:
        """Make the folder, the stand-ins' plugins and the stack. Does nothing that is done already. Raises Busy."""
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        with self._alone():
            for package, distribution in STAND_INS.items():
                version = importlib.metadata.version(distribution)
                plugin = self.folder / "home" / "plugins" / f"resource-{package}-v{version}"
                plugin.mkdir(parents=True, exist_ok=True)
                program = plugin / f"pulumi-resource-{package}"
                python = f'exec "{sys.executable}" -m local.providers.{package} "$@"'
                program.write_text(f'#!/bin/sh\nexport PYTHONPATH="{CHECKOUT}"\n{python}\n')
                program.chmod(0o755)
            if self.real:
                self._draw_passphrase()
            self._lay_out()
            if self._state_file() is None:
                self._pulumi("stack", "init", self.stack, "--non-interactive")

    def _state_file(self) -> Path | None:
        stacks = self.folder / "state" / ".pulumi" / "stacks"
        return next(stacks.rglob(f"{self.stack}.json"), None)

    def _draw_passphrase(self) -> None:
        self.folder.chmod(0o700)
        file = self._passphrase
        if file.exists():
            return
        if self._state_file():
            raise CommandFailed(f"secrets in {self.folder}/state need the passphrase of {file}: put it back")
        write_whole(file, secrets.token_urlsafe(32))

    @property
    def _passphrase(self) -> Path:
        return self.folder / "passphrase"

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
        lay_out(source / "stacks" / name, target / "stacks" / name, self.values)

    def preview(self, *, pack: Path | None = PACK, refresh: bool = False) -> Judged:
        """What `up` would do, judged by the policies. `refresh`: against what is there, not what was left there."""
        return self._judged("preview", *_policies(pack), *(["--refresh"] if refresh else []))

    def up(self, *, pack: Path | None = PACK, refresh: bool = False) -> Judged:
        """Make it so."""
        return self._acted("up", *_policies(pack), *(["--refresh"] if refresh else []))

    def refresh(self) -> Judged:
        """Write into the state what is there."""
        return self._acted("refresh")

    def destroy(self, *, protected: bool = False) -> Judged:
        """Take it away; with `protected` also what must not be lost."""
        if protected:
            with self._alone():
                self._pulumi("state", "unprotect", "--all", "--yes")
        return self._acted("destroy")

    def state(self) -> dict[str, Any]:
        """The state, as it is stored."""
        state = json.loads(self._pulumi("stack", "export"))
        assert isinstance(state, dict)
        return state

    def _acted(self, command: str, *words: str) -> Judged:
        return self._judged(command, "--yes", "--skip-preview", *words, repair=True)

    def _judged(self, *words: str, repair: bool = False) -> Judged:
        log = self.folder / "events.json"
        with self._alone():
            stored = self._state_file()
            if repair and stored and was_cut_off(stored):
                # Whatever was in the making is made again: the stand-ins know it by its name.
                self._pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--non-interactive")
            log.unlink(missing_ok=True)
            judged = self._call(
                *words, "--stack", self.stack, "--non-interactive", "--color", "never", "--event-log", str(log)
            )
            changes = read_changes(log)
        return Judged(judged.code, judged.said, judged.complained, changes)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While nobody else works on the folder. What still runs of a session that was killed is ended."""
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"another session is at work in {self.folder}; wait until it is done") from None
            end_processes(self._home)
            drop_files(self.folder / "state")
            yield

    @property
    def _home(self) -> Path:
        return self.folder / "home"

    def _pulumi(self, *words: str) -> str:
        judged = self._call(*words, *(() if words[:2] == ("stack", "init") else ("--stack", self.stack)))
        if not judged.ok:
            raise CommandFailed(f"pulumi {' '.join(words[:2])} ended with {judged.code}\n{judged.text}")
        return judged.said

    def _call(self, *words: str) -> Judged:
        """The engine in a session of its own: what it started goes with it when its time is over."""
        seconds = self.seconds or SECONDS
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
                said, complained = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                raise CommandFailed(f"pulumi {words[0]} did not end within {seconds:.0f} s") from None
            finally:
                # Nothing is left of it after a normal end; after an abort its plugins would stay. They have groups of
                # their own, but share its session.
                for pid in members(process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
        return Judged(process.returncode, said, complained)

    def _environ(self) -> dict[str, str]:
        # Whatever points at a real account stays out. Three processes import the same of a large SDK: it is compiled
        # once, beside its source, which all sessions share; below a prefix each session would have one of its own.
        out = ("AWS_", "PULUMI_", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(out)}
        path = os.pathsep.join([*map(str, self.engine.folders), str(Path(sys.executable).parent), kept.get("PATH", "")])
        keeping = (
            {"PULUMI_CONFIG_PASSPHRASE_FILE": str(self._passphrase)}
            if self.real
            else {
                "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
                # The state is written at the end, not after each of some hundred resources.
                "PULUMI_EXPERIMENTAL": "true",
                "PULUMI_SKIP_CHECKPOINTS": "true",
            }
        )
        return {
            **kept,
            **keeping,
            **self.environ,
            "PATH": path,
            "PYTHONSAFEPATH": "1",
            "PYTHONWARNINGS": "error::DeprecationWarning:herold_infra",
            "PULUMI_HOME": str(self._home),
            # Without the files beside the state that a kill leaves empty.
            "PULUMI_BACKEND_URL": f"file://{self.folder}/state?metadata=skip",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            # Without it the engine has no --event-log.
            "PULUMI_DEBUG_COMMANDS": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK": "true",
        }


def _policies(pack: Path | None) -> Sequence[str]:
    return ["--policy-pack", str(pack)] if pack else []


__all__ = ["PACK", "Busy", "CommandFailed", "Judged", "Session"]
