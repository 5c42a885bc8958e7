"""The Git server's hooks, and what `make up` makes of Argo CD's own manifests."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
import yaml
from local.cluster.argocd import slim, with_image
from local.cluster.delivery import ENVIRONMENT, build_own_files, is_synced
from local.cluster.gitserver import (
    APPROVALS,
    AUTHOR,
    CAMPAIGNS,
    PUT_OVER,
    REPLACED,
    Tokens,
    build_secrets,
    build_server,
    git,
    put_checkout,
)
from local.cluster.herold import RELAY_HOST
from local.cluster.layout import CHECKOUT, GIT_ADDRESS
from local.cluster.pki import LEAVES, Pair
from local.cluster.tools import DELIVERY_TOOLS, SOURCES, Tool
from local.images.archive import Image, Start
from local.images.git.announce import build_payload, find_changed, sign
from local.images.git.judge import LARGEST, find_faults

from herold_delivery.declared import read_clusters

BLOB = "0123456789012345678901234567890123456789"


def test_a_push_is_told_as_github_tells_it_and_signed() -> None:
    changed = ["gitops/campaigns/test/shop/a.yaml"]
    payload = build_payload("https://git.example/git/herold.git", "a" * 40, "b" * 40, "refs/heads/main", changed)
    said = json.loads(payload)
    assert said["repository"] == {"html_url": "https://git.example/git/herold", "default_branch": "main"}
    assert (said["ref"], said["before"], said["after"]) == ("refs/heads/main", "a" * 40, "b" * 40)
    assert [path for commit in said["commits"] for path in commit["modified"]] == changed
    headers = sign("key", payload)
    assert headers["X-GitHub-Event"] == "push"
    assert headers["X-Hub-Signature-256"] == "sha256=" + hmac.new(b"key", payload, hashlib.sha256).hexdigest()


def test_a_push_tells_which_files_changed_and_none_of_a_branch_that_was_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet", ".")
    commits = []
    for names in (("kept", "removed"), ("kept", "added \u00e4.yaml")):
        for file in filter(Path.is_file, tmp_path.iterdir()):
            file.unlink()
        for name in names:
            (tmp_path / name).write_text(name)
        git("add", "--all")
        git(*AUTHOR, "commit", "--quiet", "-m", "x")
        commits.append(git("rev-parse", "HEAD").strip())
    assert find_changed(*commits) == ["added \u00e4.yaml", "removed"]
    assert find_changed("0" * 40, commits[0]) == []


def test_links_submodules_and_large_files_are_refused_by_name() -> None:
    listed = [
        f"100644 blob {BLOB} {LARGEST}\tgitops/campaigns/test/shop/fine.yaml",
        f"120000 blob {BLOB} 11\tgitops/campaigns/test/shop/link.yaml",
        f"160000 commit {BLOB} -\tgitops/campaigns/test/shop/module",
        f"100644 blob {BLOB} {LARGEST + 1}\tgitops/campaigns/test/shop/wide\n.yaml",
    ]
    faults = find_faults("\0".join(listed) + "\0")
    assert [fault.split(":")[0] for fault in faults] == [
        "gitops/campaigns/test/shop/link.yaml",
        "gitops/campaigns/test/shop/module",
        "gitops/campaigns/test/shop/wide\n.yaml",
    ]


def test_only_writers_push_and_no_token_is_in_a_manifest() -> None:
    tokens = Tokens("w-token", "r-token", "hook")
    assert not any(token in json.dumps(build_server("localhost/g:1", Path("/v"))) for token in ("w-token", "r-token"))
    kinds = {item["kind"] for item in build_secrets(tokens, Pair(b"c", b"k"), "ca")}
    assert kinds == {"Secret"}
    conf = (CHECKOUT / "local/images/git/lighttpd.conf").read_text()
    assert conf.count('"require" => "user=writer"') == 2
    assert conf.count('"require" => "valid-user"') == 1


def test_the_cluster_s_argo_cd_follows_the_cluster_s_git_server() -> None:
    (cluster,) = [each for each in read_clusters(CHECKOUT / "gitops" / "clusters") if each.environment == ENVIRONMENT]
    host = cluster.repository.split("/")[2]
    (leaf,) = [leaf for leaf in LEAVES if leaf.file == "git"]
    assert set(leaf.names) == {host, GIT_ADDRESS}


def test_every_container_has_the_image_that_the_node_has() -> None:
    pod = {"containers": [{"name": "redis", "image": "x"}], "initContainers": [{"name": "secret-init", "image": "y"}]}
    item = {"kind": "Deployment", "spec": {"template": {"spec": pod}}}
    spec = with_image(item, "localhost/a:1")["spec"]["template"]["spec"]
    assert [each["image"] for each in (*spec["containers"], *spec["initContainers"])] == ["localhost/a:1"] * 2


def test_argo_cd_s_kinds_keep_every_property_and_lose_the_words_about_it() -> None:
    inner = {"description": {"type": "string", "description": "words"}, "list": {"items": {"description": "more"}}}
    schema = {"type": "object", "description": "words", "properties": inner, "required": ["list"]}
    names = {"kind": "Application"}
    crd = {"spec": {"names": names, "versions": [{"name": "v1", "schema": {"openAPIV3Schema": schema}}]}}
    bare = {
        "type": "object",
        "properties": {"description": {"type": "string"}, "list": {"items": {}}},
        "required": ["list"],
    }
    assert slim(crd)["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == bare


@pytest.mark.parametrize("tool", DELIVERY_TOOLS, ids=lambda tool: tool.module)
def test_tools_of_delivery_are_pinned(tool: Tool) -> None:
    folder = SOURCES / tool.module
    assert "\ntool " in (folder / "go.mod").read_text()
    assert (folder / "go.sum").stat().st_size > 0


def test_campaigns_and_teams_that_came_by_a_push_stay_and_what_the_checkout_lost_goes(tmp_path: Path) -> None:
    checkout, clone = tmp_path / "checkout", tmp_path / "clone"
    for part in (*REPLACED, *PUT_OVER, CAMPAIGNS, APPROVALS):
        (checkout / part).mkdir(parents=True)
        (checkout / part / "x.yaml").write_text("ours")
    own = {"gitops/campaigns/test/shared/s.yaml": "this cluster's"}
    put_checkout(checkout, clone, own)
    assert (clone / CAMPAIGNS / "x.yaml").read_text() == "ours"
    for part in ("gitops/clusters", CAMPAIGNS, "operator/crds", "gitops/campaigns/test/shared"):
        (clone / part / "x.yaml").write_text("theirs")
        (clone / part / "y.yaml").write_text("theirs")
    put_checkout(checkout, clone, own)
    assert (clone / "gitops/clusters/x.yaml").read_text() == "ours"
    assert (clone / "gitops/clusters/y.yaml").read_text() == "theirs"
    assert (clone / CAMPAIGNS / "x.yaml").read_text() == "theirs"
    assert not (clone / "operator/crds/y.yaml").exists()
    assert [file.name for file in (clone / "gitops/campaigns/test/shared").iterdir()] == ["s.yaml"]


def test_the_cluster_s_repository_names_the_image_that_was_built_here() -> None:
    image = Image("localhost/herold", Start(("x",), "1"), ())
    files = build_own_files(image)
    (overlay,) = [text for path, text in files.items() if path.endswith("kustomization.yaml")]
    assert [each["digest"] for each in yaml.safe_load(overlay)["images"]] == [image.digest]
    assert "# What the operator runs" in overlay
    (shared,) = [text for path, text in files.items() if "/shared/" in path]
    assert RELAY_HOST in shared


def test_an_application_is_delivered_when_it_is_at_that_commit_and_at_rest() -> None:
    status = {"sync": {"status": "Synced", "revision": "b"}, "operationState": {"phase": "Succeeded"}}
    assert is_synced({"status": status}, "b")
    assert not is_synced({"status": status}, "c")
    assert not is_synced({"status": {**status, "operationState": {"phase": "Running"}}}, "b")
    assert not is_synced({}, "b")
