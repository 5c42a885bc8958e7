"""Resources as another Git revision has them, read without touching the work tree."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from herold.errors import HeroldError, InvalidInput, Mistake, NotFound
from herold.resources.catalogue import SUFFIXES, load_texts
from herold.resources.resolved import ResolvedCampaign

DEADLINE = 60.0  # seconds for each call of git
_PLAIN_FILES = ("100644", "100755")  # no links: they may lead out of what was reviewed


def resolved_at(
    repository: Path, revision: str, paths: Sequence[Path], campaign_name: str, shared_namespace: str
) -> ResolvedCampaign | None:
    """The campaign with everything that it names, as `revision` has it; None when it was not there yet.

    `paths`: files and folders below `repository` that make the catalogue; those that the revision does not have are
    passed over. Raises NotFound for an unknown revision or a folder without Git, InvalidInput when the revision's own
    files have mistakes.
    """
    files = files_at(repository, revision, paths)
    if files.mistakes:
        raise InvalidInput(files.mistakes, what=f"resources of {revision[:80]}")
    if not files.texts:
        return None
    try:
        catalogue = load_texts(files.texts, shared_namespace=shared_namespace)
    except InvalidInput as error:
        raise InvalidInput(error.mistakes, what=f"resources of {revision[:80]}") from None
    try:
        return catalogue.resolved(catalogue.campaign(campaign_name))
    except NotFound:
        return None


@dataclass(frozen=True, slots=True)
class Files:
    """What a revision has below some paths, by name from the top of the repository.

    `blobs` are Git's names of the contents; `links` are neither read nor followed.
    """

    commit: str
    texts: Mapping[str, str]
    blobs: Mapping[str, str]
    links: tuple[str, ...]
    mistakes: tuple[Mistake, ...]


def files_at(repository: Path, revision: str, paths: Sequence[Path]) -> Files:
    """Every file that a catalogue reads. Raises NotFound for an unknown revision or a folder without Git."""
    top = Path(_git(repository, "rev-parse", "--show-toplevel").decode().strip())
    commit = _commit(repository, revision)
    below = [_inside(top, repository, path) for path in paths]
    blobs: dict[str, str] = {}
    links: list[str] = []
    for mode, blob, name in _entries(repository, commit, below):
        if mode in _PLAIN_FILES:
            blobs[name] = blob
        else:
            links.append(name)
    texts, mistakes = _texts(repository, blobs)
    return Files(commit, texts, blobs, tuple(links), tuple(mistakes))


def merge_base(repository: Path, one: str, other: str) -> str:
    """The commit from which two revisions went apart. Raises NotFound."""
    found = _git(repository, "merge-base", _commit(repository, one), _commit(repository, other))
    return found.decode().split()[0]


def earlier_versions(repository: Path, commit: str, names: Sequence[str]) -> frozenset[tuple[str, str]]:
    """(name, blob) of what these files held in the last 200 commits that touched one of them, before `commit`'s own."""
    if not names:
        return frozenset()
    log = ("log", "-200", "--format=", "--raw", "--no-abbrev", "--no-renames", "-m", "--first-parent", "-z", commit)
    told = _git(repository, *log, "--", *(f":(top,literal){name}" for name in names))
    found: set[tuple[str, str]] = set()
    parts = [part for part in told.decode("utf-8", "backslashreplace").split("\0") if part]
    for about, name in zip(parts[::2], parts[1::2], strict=True):
        found.add((name, about.split(" ")[2]))
    return frozenset(found)


def _commit(repository: Path, revision: str) -> str:
    try:
        found = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except HeroldError:
        raise NotFound(
            f"there is no revision {revision[:80]!r} in {repository}",
            hint="name a branch, tag or commit that is fetched; CI often fetches only the last one",
        ) from None
    return found.decode().strip()


def _inside(top: Path, repository: Path, path: Path) -> str:
    full = (path if path.is_absolute() else repository / path).resolve()
    try:
        return full.relative_to(top.resolve()).as_posix()
    except ValueError:
        raise NotFound(f"{path} does not lie in the Git repository {top}") from None


def _entries(repository: Path, commit: str, below: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """(mode, object, path) of what the catalogue would read, links among them."""
    # Run at the top: ls-tree takes paths relative to where it stands.
    listing = _git(
        repository, "ls-tree", "-r", "-z", "--full-tree", commit, "--", *[each for each in below if each != "."]
    )
    for entry in listing.decode("utf-8", "backslashreplace").split("\0"):
        if not entry:
            continue
        about, _, name = entry.partition("\t")
        mode, _, blob = about.split(" ")
        parts = name.split("/")
        is_meant = name in below or (name.endswith(SUFFIXES) and not _is_hidden(parts, below))
        if is_meant if mode in _PLAIN_FILES else not _is_hidden(parts, below):
            yield mode, blob, name


def _is_hidden(parts: Sequence[str], below: Sequence[str]) -> bool:
    # As the catalogue does: hidden files and folders below the named ones are passed over.
    named = max((len(each.split("/")) for each in below if "/".join(parts).startswith(f"{each}/")), default=0)
    return any(part.startswith(".") for part in parts[named:])


def _texts(repository: Path, blobs: Mapping[str, str]) -> tuple[dict[str, str], list[Mistake]]:
    texts: dict[str, str] = {}
    mistakes: list[Mistake] = []
    if not blobs:
        return texts, mistakes
    # One process for all files: thousands of `git show` would take minutes.
    answer = _git(repository, "cat-file", "--batch", given="".join(f"{blob}\n" for blob in blobs.values()).encode())
    at = 0
    for name in blobs:
        end = answer.index(b"\n", at)
        size = int(answer[at:end].rsplit(b" ", 1)[1])
        content = answer[end + 1 : end + 1 + size]
        at = end + 1 + size + 1
        try:
            texts[name] = content.decode()
        except UnicodeDecodeError:
            mistakes.append(Mistake(name, 0, 0, "", "is not UTF-8", "save the file as UTF-8"))
    return texts, mistakes


def _git(repository: Path, *arguments: str, given: bytes | None = None) -> bytes:
    command = ["git", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=DEADLINE, check=False)
    except FileNotFoundError:
        raise NotFound("git is not installed", hint="install it, or leave --against out") from None
    except subprocess.TimeoutExpired:
        raise HeroldError(f"git {arguments[0]} took more than {DEADLINE:.0f} s") from None
    if done.returncode:
        why = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise NotFound(f"git {arguments[0]} failed in {repository}: {why[0][:200] if why else 'no reason given'}")
    return done.stdout
