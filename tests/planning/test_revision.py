"""Reading a campaign as another Git revision has it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from herold.errors import InvalidInput, NotFound
from herold.planning import resolved_at

EXAMPLES = Path(__file__).resolve().parents[2] / "gitops" / "campaigns" / "test"
SHARED = "campaigns-shared"


def git(repository: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(repository), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits: `first` has a 10 % discount and no win-back, the second is as the examples are."""
    (tmp_path / "campaigns").mkdir()
    git(tmp_path, "init", "-q", "-b", "main")
    for file in sorted(EXAMPLES.rglob("*.yaml")):
        target = tmp_path / "campaigns" / file.relative_to(EXAMPLES)
        target.parent.mkdir(exist_ok=True)
        target.write_text(file.read_text())
    sale, win_back = (tmp_path / "campaigns" / "shop" / name for name in ("spring-sale.yaml", "win-back.yaml"))
    kept = sale.read_text(), win_back.read_text()
    sale.write_text(kept[0].replace('discount: "15"', 'discount: "10"'))
    win_back.unlink()
    (tmp_path / "campaigns" / ".hidden").mkdir()
    (tmp_path / "campaigns" / ".hidden" / "broken.yaml").write_text("kind: [")
    (tmp_path / "campaigns" / "note.txt").write_text("not a resource")
    (tmp_path / "campaigns" / "link.yaml").symlink_to("/etc/passwd")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    git(tmp_path, "tag", "first")
    sale.write_text(kept[0])
    win_back.write_text(kept[1])
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "second")
    return tmp_path


def test_a_revision_is_read_without_touching_the_work_tree(repository: Path) -> None:
    paths = [Path("campaigns")]
    now = resolved_at(repository, "HEAD", paths, "spring-sale", SHARED)
    before = resolved_at(repository, "first", paths, "campaigns-shop/spring-sale", SHARED)
    assert now is not None
    assert before is not None
    assert now.campaign.spec.message.variables == {"discount": "15"}
    assert before.campaign.spec.message.variables == {"discount": "10"}
    assert now.intent_digest() != before.intent_digest()
    assert 'discount: "15"' in (repository / "campaigns" / "shop" / "spring-sale.yaml").read_text()


def test_absolute_paths_single_files_and_a_folder_inside_the_repository_work(repository: Path) -> None:
    folder = repository / "campaigns"
    assert resolved_at(folder, "HEAD", [folder], "win-back", SHARED) is not None
    files = [folder / "shared", *sorted((folder / "shop").glob("*.yaml"))]
    assert resolved_at(repository, "HEAD~1", files, "spring-sale", SHARED) is not None


def test_the_whole_repository_can_be_the_catalogue(repository: Path) -> None:
    assert resolved_at(repository, "HEAD", [repository], "win-back", SHARED) is not None


def test_what_was_not_there_yet_is_none(repository: Path) -> None:
    assert resolved_at(repository, "first", [Path("campaigns")], "win-back", SHARED) is None
    assert resolved_at(repository, "first", [Path("elsewhere")], "win-back", SHARED) is None


@pytest.mark.parametrize("revision", ["nowhere", "--output=/tmp/x", "HEAD:campaigns", "", "first..HEAD"])
def test_what_is_no_revision_is_not_found(repository: Path, revision: str) -> None:
    with pytest.raises(NotFound, match="no revision"):
        resolved_at(repository, revision, [Path("campaigns")], "win-back", SHARED)


def test_a_folder_without_git_and_a_path_outside_are_not_found(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bare = tmp_path_factory.mktemp("bare")
    with pytest.raises(NotFound, match="git"):
        resolved_at(bare, "HEAD", [bare], "win-back", SHARED)
    with pytest.raises(NotFound, match="does not lie in"):
        resolved_at(repository, "HEAD", [bare], "win-back", SHARED)


def test_mistakes_of_the_other_revision_are_named_as_its_own(repository: Path) -> None:
    sale = repository / "campaigns" / "shop" / "spring-sale.yaml"
    sale.write_text(sale.read_text().replace("audience:", "audiance:"))
    (repository / "campaigns" / "bad.yaml").write_bytes(b"\xff\xfe")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "broken")
    with pytest.raises(InvalidInput, match="resources of HEAD"):
        resolved_at(repository, "HEAD", [Path("campaigns")], "win-back", SHARED)
    (repository / "campaigns" / "bad.yaml").unlink()
    git(repository, "commit", "-q", "-a", "-m", "less broken")
    with pytest.raises(InvalidInput, match="audiance"):
        resolved_at(repository, "HEAD", [Path("campaigns")], "win-back", SHARED)
