"""`python -m herold_delivery.promote FROM TO [--dry-run] [--root FOLDER]`: the next environment gets what one has run.

Digests of images stand in gitops/apps/<workload>/overlays/<environment>/kustomization.yaml. They are taken from one
environment and written into the next one's, as one commit for a person to push: nothing is built anew on the way, and
nothing else in the file changes.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from itertools import pairwise
from pathlib import Path
from typing import get_args

import yaml

from herold.errors import HeroldError, InvalidInput, Mistake, Refused
from herold.settings import Environment

ENVIRONMENTS: tuple[str, ...] = get_args(Environment)  # each gets what the one before it has run
FILE = "kustomization.yaml"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_NONE = f"sha256:{'0' * 64}"  # stands where no image was published yet
_DEADLINE = 60.0  # seconds for each call of git


@dataclass(frozen=True, slots=True)
class Image:
    """An entry of `images:`. `start` and `end`: where its digest stands in the text; -1 where it has none."""

    name: str
    digest: str
    start: int = -1
    end: int = -1


@dataclass(frozen=True, slots=True)
class Change:
    """One file. `images`: (name, digest before, digest after) of those that change in it."""

    path: Path
    before: str
    after: str
    images: tuple[tuple[str, str, str], ...]

    @property
    def diff(self) -> str:
        """As `git diff` shows it."""
        before, after = (text.splitlines(keepends=True) for text in (self.before, self.after))
        return "".join(unified_diff(before, after, f"a/{self.path}", f"b/{self.path}"))


def check_environments(source: str, target: str) -> None:
    """Raises InvalidInput for names that there are not, Refused for what leaves one out or goes back."""
    known = ", ".join(ENVIRONMENTS)
    mistakes = [
        Mistake(word, 0, 0, "", f"there is no environment {name[:40]!r}", f"write one of {known}")
        for word, name in (("FROM", source), ("TO", target))
        if name not in ENVIRONMENTS
    ]
    if mistakes:
        raise InvalidInput(mistakes, what="environments")
    following = dict(pairwise(ENVIRONMENTS)).get(source)
    if target != following:
        raise Refused(
            "NotTheNextEnvironment",
            f"what {source} has run goes to {following or 'nowhere else'}, not to {target}",
            hint=f"the order is {' -> '.join(ENVIRONMENTS)}; back goes a git revert",
        )


def plan_promotion(sources: Mapping[Path, str], targets: Mapping[Path, str]) -> tuple[Change, ...]:
    """What changes in `targets`, whose paths stand beside those of `sources`, in the same order; both by path.

    Raises InvalidInput with every mistake of every file.
    """
    mistakes: list[Mistake] = []
    changes: list[Change] = []
    for (source, from_text), (target, to_text) in zip(sources.items(), targets.items(), strict=True):
        there = {each.name: each for each in _images(target, to_text, mistakes)}
        found: list[tuple[Image, str]] = []
        for image in _images(source, from_text, mistakes):
            problem = _problem(image)
            if problem:
                mistakes.append(Mistake(str(source), 0, 0, f"images.{image.name}", *problem))
            elif image.name not in there:
                message, fix = "has no entry here", "add its name and a digest, and say why in a review"
                mistakes.append(Mistake(str(target), 0, 0, f"images.{image.name}", message, fix))
            elif there[image.name].start < 0:
                message = "has no digest to be replaced"
                mistakes.append(Mistake(str(target), 0, 0, f"images.{image.name}", message, f"write digest: {_NONE}"))
            elif there[image.name].digest != image.digest:
                found.append((there[image.name], image.digest))
        if found:
            names = tuple((old.name, old.digest, new) for old, new in found)
            changes.append(Change(target, to_text, _replaced(to_text, found), names))
    if mistakes:
        raise InvalidInput(mistakes, what="images")
    return tuple(changes)


def with_digest(path: Path, text: str, name: str, digest: str) -> str:
    """The text of an overlay with that digest for the image of that name. Raises InvalidInput."""
    mistakes: list[Mistake] = []
    found = [(image, digest) for image in _images(path, text, mistakes) if image.name == name and image.start >= 0]
    if not found:
        mistakes.append(Mistake(str(path), 0, 0, f"images.{name}", "has no digest to be replaced"))
    if mistakes:
        raise InvalidInput(mistakes, what="images")
    return _replaced(text, found)


def commit_message(changes: tuple[Change, ...], source: str, target: str) -> str:
    """A line, and below it each image with both digests."""
    images = [image for change in changes for image in change.images]
    name, _, new = images[0]
    more = f" and {len(images) - 1} more" if len(images) > 1 else ""
    lines = [f"{target} runs what {source} has run: {name} at {new[:19]}{more}", ""]
    lines += [f"{name}: {new} (was {old})" for name, old, new in images]
    return "\n".join(lines) + "\n"


def apply_promotion(root: Path, changes: tuple[Change, ...], message: str) -> str:
    """Write the files and commit them, nothing else; the commit's name. Raises Refused for a dirty work tree."""
    dirty = _git(root, "status", "--porcelain", "--untracked-files=no")
    if dirty:
        raise Refused(
            "DirtyWorkTree",
            f"{dirty.splitlines()[0][3:]} is not committed",
            hint="commit it, or put it away: git stash",
        )
    paths = [str(change.path) for change in changes]
    try:
        for change in changes:
            (root / change.path).write_bytes(change.after.encode())
        _git(root, "commit", "--quiet", "-m", message, "--", *paths)
    except (HeroldError, OSError):
        # As it was: a promotion that is half written would stand in the way of the next one.
        _git(root, "checkout", "--quiet", "HEAD", "--", *paths)
        raise
    return _git(root, "rev-parse", "HEAD")


def main(arguments: list[str] | None = None) -> int:
    """Promote, or with `--dry-run` show the diff. 0 also when there is nothing to do."""
    parser = argparse.ArgumentParser(prog="herold_delivery.promote")
    parser.add_argument("source", metavar="FROM")
    parser.add_argument("target", metavar="TO")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--root", type=Path, default=Path())
    chosen = parser.parse_args(arguments)
    try:
        check_environments(chosen.source, chosen.target)
        changes = plan_promotion(*(_read(chosen.root, name) for name in (chosen.source, chosen.target)))
        if not changes:
            print(f"nothing to do: {chosen.target} has what {chosen.source} has")
        elif chosen.dry_run:
            print("".join(change.diff for change in changes), end="")
        else:
            message = commit_message(changes, chosen.source, chosen.target)
            commit = apply_promotion(chosen.root, changes, message)
            print(f"{message}\ncommitted as {commit[:12]}, not pushed: review it as any other change")
    except HeroldError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _read(root: Path, environment: str) -> dict[Path, str]:
    """The overlays of one environment, by path from the root. Raises InvalidInput."""
    folders = sorted(path.relative_to(root) for path in (root / "gitops" / "apps").glob("*/overlays"))
    mistakes = []
    found: dict[Path, str] = {}
    for folder in folders:
        path = folder / environment / FILE
        try:
            found[path] = (root / path).read_bytes().decode()  # with the ends of its lines
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "is not UTF-8"
            mistakes.append(Mistake(str(path), 0, 0, "", f"can't be read: {why}"))
    if not folders:
        mistakes.append(Mistake("gitops/apps", 0, 0, "", "has no overlays", "go to the top of the repository"))
    if mistakes:
        raise InvalidInput(mistakes, what="overlays")
    return found


def _images(path: Path, text: str, mistakes: list[Mistake]) -> Iterator[Image]:
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        mistakes.append(Mistake(str(path), 0, 0, "", "is not YAML", "kubectl kustomize says where"))
        return
    images = _fields(document).get("images")
    if not isinstance(images, yaml.SequenceNode) or not images.value:
        mistakes.append(Mistake(str(path), 0, 0, "images", "is not there", "list images by name and digest"))
        return
    seen: set[str] = set()
    for entry in images.value:
        fields = _fields(entry)
        name, digest = fields.get("name"), fields.get("digest")
        if not isinstance(name, yaml.ScalarNode):
            mistakes.append(Mistake(str(path), entry.start_mark.line + 1, 1, "images", "an entry has no name"))
            continue
        if name.value in seen:
            line = name.start_mark.line + 1
            mistakes.append(Mistake(str(path), line, 1, f"images.{name.value}", "stands here twice", "remove one"))
        seen.add(name.value)
        if isinstance(digest, yaml.ScalarNode):
            quotes = int(digest.style in ("'", '"'))
            yield Image(name.value, digest.value, digest.start_mark.index + quotes, digest.end_mark.index - quotes)
        else:
            yield Image(name.value, "")


def _fields(node: yaml.Node | None) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _problem(image: Image) -> tuple[str, str] | None:
    if image.digest == _NONE:
        return "no image is published yet: its digest is nothing but zeros", "deliver one to this environment first"
    if not _DIGEST.fullmatch(image.digest):
        said = repr(image.digest[:80]) if image.digest else "nothing"
        return f"{said} is no digest", "write sha256: and 64 hexadecimal digits"
    return None


def _replaced(text: str, found: list[tuple[Image, str]]) -> str:
    for image, digest in sorted(found, key=lambda each: -each[0].start):
        text = text[: image.start] + digest + text[image.end :]
    return text


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=_DEADLINE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HeroldError(f"git {arguments[0]} did not end: {type(error).__name__}") from None
    if done.returncode != 0:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise HeroldError(f"git {arguments[0]}: {words[-1] if words else 'failed'}")
    return done.stdout.rstrip("\n")


if __name__ == "__main__":
    sys.exit(main())
