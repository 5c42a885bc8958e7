"""The images of the local cluster: which layers they have and how they start. The Containerfile says the same."""

from __future__ import annotations

import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

from local.command import run
from local.images.archive import Image, Start
from local.images.debian import UID, Debian, build_debian
from local.images.layer import Entry, Layer, entries_below, key_of, sha256, stored, write_layer

USER = f"{UID}:{UID}"
PATH = ("PATH", "/usr/local/bin:/usr/bin:/bin")
# The Python of the Debian below; wheels are chosen for it, whatever runs this program.
PYTHON = (3, 11)
# Kinds of wheels that its C library takes, the newest first.
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")
SITE, APPLICATION = "opt/herold/site", "opt/herold/app"

DEBIAN = Debian("debian", ("ca-certificates", "netbase"))
PYTHON_BASE = Debian("python", ("python3.11", "libpython3.11-stdlib"), upon=DEBIAN)


def build_single(name: str, program: Path, cache: Path) -> Image:
    """An image of one static program."""
    layer = build_files(name, [Entry(program.name, program, 0o755)], {}, cache)
    return Image(f"localhost/herold-{name}", Start((f"/{program.name}",), USER), (layer,))


def build_herold(checkout: Path, cache: Path) -> Image:
    """Herold from this checkout, all its processes: Debian's Python, the locked dependencies, the application."""
    layers = (
        *build_debian(PYTHON_BASE, cache),
        build_dependencies(checkout / "locks" / "operator.txt", cache),
        build_application(checkout, cache),
    )
    start = Start(
        ("/usr/bin/python3.11", "-m", "herold.cli"),
        USER,
        folder="/tmp",  # noqa: S108 -- the only folder that a pod with a read-only root gives
        environment=(
            PATH,
            ("PYTHONPATH", f"/{APPLICATION}:/{SITE}"),
            ("PYTHONDONTWRITEBYTECODE", "1"),
            ("PYTHONSAFEPATH", "1"),
            ("PYTHONUNBUFFERED", "1"),
            ("LC_ALL", "C.UTF-8"),
        ),
    )
    return Image("localhost/herold", start, layers)


def build_dependencies(lock: Path, cache: Path) -> Layer:
    """The locked dependencies as wheels, hashes checked, compiled."""

    def make(file: Path) -> None:
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            site = Path(folder) / "site"
            run([*pip_command(lock), "--target", str(site)], seconds=600)
            shutil.rmtree(site / "bin", ignore_errors=True)
            _compile(site, SITE)
            write_layer(entries_below(site, SITE), file)

    return stored(cache, key_of("dependencies", lock.read_bytes(), repr((PYTHON, PLATFORMS, compiles()))), make)


def pip_command(lock: Path) -> tuple[str, ...]:
    """pip for the image's Python: only wheels, only what the lock names, only with its hashes."""
    return (
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--require-hashes",
        "--no-deps",
        "--no-compile",
        "--only-binary=:all:",
        f"--python-version={PYTHON[0]}.{PYTHON[1]}",
        *(f"--platform={platform}" for platform in PLATFORMS),
        "-r",
        str(lock),
    )


def build_application(checkout: Path, cache: Path) -> Layer:
    """The engine and the operator as they are in the checkout, and the note by which Python knows the version."""
    sources = [(checkout / "apps" / "herold" / "herold", "herold")]
    sources += [(checkout / "operator" / name, name) for name in ("herold_operator", "herold_reader")]
    files = [entry for folder, prefix in sources for entry in entries_below(folder, prefix) if is_shipped(entry.path)]
    version = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["version"]
    parts = [part for entry in sorted(files, key=lambda each: each.path) for part in (entry.path, _read(entry))]

    def make(file: Path) -> None:
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            for entry in files:
                target = Path(folder) / entry.path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(entry.source, target)
            note = Path(folder) / f"herold-{version}.dist-info" / "METADATA"
            note.parent.mkdir()
            note.write_text(f"Metadata-Version: 2.1\nName: herold\nVersion: {version}\n")
            _compile(Path(folder), APPLICATION)
            write_layer(entries_below(Path(folder), APPLICATION), file)

    cache.mkdir(parents=True, exist_ok=True)
    return stored(cache, key_of("application", repr(compiles()), version, *parts), make)


def is_shipped(path: str) -> bool:
    """Whether a file of the package belongs into an image: not what Python compiled here."""
    return "__pycache__" not in path.split("/") and not path.endswith(".pyc")


def compiles() -> bool:
    """Whether this Python can compile for the image's: with another version the image starts more slowly, no more."""
    return sys.version_info[:2] == PYTHON


def _compile(folder: Path, prefix: str) -> None:
    if not compiles():
        return
    # By hash and unchecked: the same bytes each time, and nothing compares times in a layer where all are 0.
    # A package that ships a file for another Python does not compile; that is its business (no check of the result).
    command = [sys.executable, "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"]
    run(["sh", "-c", '"$@" || true', "sh", *command, "-s", str(folder), "-p", f"/{prefix}", str(folder)], seconds=300)


def build_files(name: str, entries: list[Entry], links: dict[str, str], cache: Path) -> Layer:
    """A layer of these files and symbolic links (path to target)."""
    parts = [part for entry in entries for part in (entry.path, oct(entry.mode), sha256(entry.source))]
    return stored(cache, key_of(name, repr(links), *parts), lambda file: write_layer(entries, file, links))


def _read(entry: Entry) -> bytes:
    return entry.source.read_bytes()
