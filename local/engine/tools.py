"""Pulumi's engine and the host of its Python programs, built from pinned Go modules; nothing of them is a stand-in."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from local.cluster.layout import here
from local.cluster.progress import Progress
from local.cluster.tools import SOURCES, Tool, build, folder_of, go_version
from local.command import run

from herold.errors import HeroldError

ENGINE_VERSION = "3.200.0"
ENGINE = Tool(
    "pulumi",
    # Without it the engine calls itself v0.0.0 and refuses plugins.
    variables=(("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version", ENGINE_VERSION),),
)
HOST = Tool("pulumi-language-python")
# Scripts that lie beside the host; the module of the engine's SDK carries them.
SCRIPTS = (
    "python/cmd/pulumi-language-python-exec",
    "python/dist/pulumi-analyzer-policy-python",
    "python/dist/pulumi-resource-pulumi-python",
)


class NoEngine(HeroldError):
    """The engine is not built, and can't be."""

    exit_code = 4


@dataclass(frozen=True)
class Engine:
    """The folders that have to be on the PATH of whoever calls `pulumi`."""

    folders: tuple[Path, ...]

    @property
    def pulumi(self) -> Path:
        """The command."""
        return self.folders[0] / "pulumi"


def find_engine() -> Engine | None:
    """The engine, when both parts of it are in the cache."""
    if shutil.which("go") is None:
        return None
    cache, version = here().cache, go_version()
    folders = tuple(folder_of(tool, cache, version) for tool in (ENGINE, HOST))
    return Engine(folders) if all((folder / ".complete").exists() for folder in folders) else None


def build_engine(progress: Progress) -> Engine:
    """The engine; built first (once, a few minutes) where the cache lacks it. Raises NoEngine without Go."""
    if engine := find_engine():
        return engine
    if shutil.which("go") is None:
        raise NoEngine(
            "Pulumi's engine is not built, and there is no Go to build it with",
            hint="install Go 1.25 or later (https://go.dev/dl); or Pulumi itself, and call it in this folder",
        )
    cache, version = here().cache, go_version()
    for tool in (ENGINE, HOST):
        folder = folder_of(tool, cache, version)
        if not folder.exists():
            with progress.step(f"build {tool.module} (once)"):
                build(tool, folder)
        if tool is HOST:
            _add_scripts(folder)
        (folder / ".complete").touch()
    engine = find_engine()
    assert engine is not None
    return engine


def _add_scripts(folder: Path) -> None:
    module = ["go", "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"]
    source = Path(run(module, seconds=60, folder=SOURCES / ENGINE.module).strip())
    for script in SCRIPTS:
        target = folder / Path(script).name
        shutil.copyfile(source / script, target)
        target.chmod(0o755)
