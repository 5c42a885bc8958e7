"""A team's file, and what follows from it in a cluster."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from herold.errors import InvalidInput
from herold_delivery.declared import Cluster, People, Team, read_clusters, read_teams
from herold_delivery.platform import CLUSTER_KINDS, HEROLD_KINDS, TEAM_KINDS, build_platform, build_root
from herold_delivery.render import main
from herold_delivery.teams import CAMPAIGN_KINDS, build_team

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = Cluster(environment="test", repository="https://git.example/herold.git")
TEAM = Team(name="shop", environments=("test",), people=People(viewers=("shop",), auditors=("privacy",)))
ITEMS = {f"{item['kind']} {item['metadata']['name']}": item for item in build_team(TEAM, CLUSTER)}


def test_what_the_teams_files_say_is_what_git_holds_for_the_clusters() -> None:
    assert main(["--check", "--root", str(ROOT)]) == 0, "run `make generate`"


def test_a_changed_team_is_told_and_written_and_a_gone_one_is_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("teams", "clusters"):
        shutil.copytree(ROOT / "gitops" / part, tmp_path / "gitops" / part)
    (tmp_path / "gitops/teams/shop.yaml").write_text("environments: [test]\nlimits: {campaigns: 7}\n")
    (tmp_path / "gitops/teams/club.yaml").unlink()
    assert main(["--check", "--root", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "test/rendered/team-shop.yaml is stale" in said
    assert "test/rendered/team-club.yaml is stale" in said
    assert main(["--root", str(tmp_path)]) == 0
    assert not (tmp_path / "gitops/clusters/test/rendered/team-club.yaml").exists()
    assert "campaigns.herold.dev: '7'" in (tmp_path / "gitops/clusters/test/rendered/team-shop.yaml").read_text()
    assert main(["--check", "--root", str(tmp_path)]) == 0


def test_every_mistake_of_every_file_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("environments: []\npepole: {}\n")
    (tmp_path / "b.yaml").write_text("name: other\nenvironments: [test]\n")
    (tmp_path / "c.yaml").write_text("environments: [test]\nlimits: {campaigns: 0}\n")
    (tmp_path / "d.yaml").write_text("- x\n")
    (tmp_path / "Upper.yaml").write_text("environments: [test]\n")
    with pytest.raises(InvalidInput) as raised:
        read_teams(tmp_path)
    named = {(Path(each.file).stem, each.path) for each in raised.value.mistakes}
    assert named == {
        ("a", "environments"),
        ("a", "pepole"),
        ("b", "name"),
        ("c", "limits.campaigns"),
        ("d", ""),
        ("Upper", "name"),
    }


def test_a_cluster_follows_a_repository_that_proves_itself(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    (tmp_path / "test/cluster.yaml").write_text("repository: http://git.example/herold.git\n")
    with pytest.raises(InvalidInput):
        read_clusters(tmp_path)


def test_a_team_brings_campaigns_from_its_folder_into_its_namespace_and_nothing_else() -> None:
    project = ITEMS["AppProject team-shop"]["spec"]
    assert project["destinations"] == [{"server": "https://kubernetes.default.svc", "namespace": "campaigns-shop"}]
    assert project["clusterResourceWhitelist"] == []
    allowed = [(each["group"], each["kind"]) for each in project["namespaceResourceWhitelist"]]
    assert allowed == [("herold.dev", kind) for kind in CAMPAIGN_KINDS]
    assert project["sourceRepos"] == [CLUSTER.repository]
    application = ITEMS["Application team-shop"]["spec"]
    assert application["project"] == "team-shop"
    assert application["source"]["path"] == "gitops/campaigns/test/shop"
    assert application["source"]["directory"] == {"recurse": True}


def test_approvals_come_from_the_approvers_folder_into_the_teams_namespace_and_nothing_else_does() -> None:
    project = ITEMS["AppProject approvals-shop"]["spec"]
    assert project["destinations"] == [{"server": "https://kubernetes.default.svc", "namespace": "campaigns-shop"}]
    assert project["clusterResourceWhitelist"] == []
    assert project["namespaceResourceWhitelist"] == [{"group": "herold.dev", "kind": "CampaignApproval"}]
    assert project["sourceRepos"] == [CLUSTER.repository]
    application = ITEMS["Application approvals-shop"]["spec"]
    assert application["project"] == "approvals-shop"
    assert application["source"]["path"] == "gitops/approvals/test/shop"
    # What takes an approval back is a deletion.
    assert application["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True, "allowEmpty": True}


def test_nothing_but_the_approvers_project_may_bring_an_approval() -> None:
    projects = [item for item in (*ITEMS.values(), *build_platform(CLUSTER)) if item["kind"] == "AppProject"]
    may = [
        item["metadata"]["name"]
        for item in projects
        if {"group": "herold.dev", "kind": "CampaignApproval"} in item["spec"]["namespaceResourceWhitelist"]
        or any("*" in each["kind"] for each in item["spec"]["namespaceResourceWhitelist"])
    ]
    assert may == ["approvals-shop"]


def test_no_role_of_people_makes_or_changes_an_approval() -> None:
    roles = yaml.safe_load_all((ROOT / "operator/deploy/campaign-roles.yaml").read_text(encoding="utf-8"))
    verbs = {
        verb
        for role in roles
        for rule in role["rules"]
        if {"campaignapprovals", "*"} & set(rule["resources"])
        for verb in rule["verbs"]
    }
    assert verbs == {"get", "list", "watch"}


def test_the_approvers_own_their_folders_and_every_team_has_one() -> None:
    owners = [line.split() for line in (ROOT / "CODEOWNERS").read_text(encoding="utf-8").splitlines() if line]
    (last,) = [owner for path, *owner in owners if path.startswith("/gitops/approvals")]
    assert last == ["@herold/approvers"]
    assert owners.index(["/gitops/approvals/", *last]) > owners.index(["/gitops/", "@herold/platform"])
    for team in read_teams(ROOT / "gitops/teams"):
        for environment in team.environments:
            folder = ROOT / "gitops/approvals" / environment / team.name
            # Git keeps no empty folder, and what is gone can't say that the last approval was taken back.
            assert (folder / "README.md").is_file(), f"add {folder}/README.md"


def test_a_revert_always_gets_through() -> None:
    for item in (ITEMS["Application team-shop"], *build_root(CLUSTER), *build_platform(CLUSTER)):
        assert "syncWindows" not in item["spec"]
    policy = ITEMS["Application team-shop"]["spec"]["syncPolicy"]
    assert policy["automated"] == {"prune": True, "selfHeal": True, "allowEmpty": True}
    assert policy["retry"]["limit"] == -1
    assert policy["retry"]["refresh"] is True
    assert "finalizers" not in ITEMS["Application team-shop"]["metadata"]


def test_a_namespace_with_campaigns_is_never_pruned() -> None:
    assert ITEMS["Namespace campaigns-shop"]["metadata"]["annotations"] == {
        "argocd.argoproj.io/sync-options": "Prune=false,Delete=false"
    }


def test_a_team_has_no_pods_and_its_people_have_their_roles_only() -> None:
    assert ITEMS["ResourceQuota team"]["spec"]["hard"]["pods"] == "0"
    assert ITEMS["NetworkPolicy nothing-else"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    bindings = {item["roleRef"]["name"]: item["subjects"] for item in ITEMS.values() if item["kind"] == "RoleBinding"}
    groups = {
        role: [each["name"] for each in subjects if each["kind"] == "Group"] for role, subjects in bindings.items()
    }
    assert groups == {"campaign-viewer": ["shop"], "campaign-auditor": ["privacy"]}


def test_argo_cd_may_do_what_is_declared_and_no_more() -> None:
    file = ROOT / "gitops/bootstrap/argocd/rbac.yaml"
    role, _ = yaml.safe_load_all(file.read_text(encoding="utf-8"))
    may: dict[tuple[str, str], set[str]] = {}
    for rule in role["rules"]:
        for resource in rule["resources"]:
            may.setdefault((rule["apiGroups"][0], resource), set()).update(rule["verbs"])
    assert {verb for verbs in may.values() for verb in verbs}.isdisjoint({"*", "impersonate"})
    assert not {"secrets", "pods", "*"} & {resource for _, resource in may}
    # Campaigns are in a namespace, and all of them in their kind.
    assert "delete" not in may["", "namespaces"]
    assert "delete" not in may["apiextensions.k8s.io", "customresourcedefinitions"]
    declared = [item for item in (*build_root(CLUSTER), *build_platform(CLUSTER)) if item["kind"] == "AppProject"]
    kinds = {
        (each["group"], each["kind"])
        for item in (*declared, ITEMS["AppProject team-shop"], ITEMS["AppProject approvals-shop"])
        for key in ("clusterResourceWhitelist", "namespaceResourceWhitelist")
        for each in item["spec"][key]
    }
    own = {("argoproj.io", "Application"), ("argoproj.io", "AppProject")}  # by Argo CD's own role
    assert {(group, plural_of(kind)) for group, kind in kinds - own} == may.keys()


def plural_of(kind: str) -> str:
    """The resource of a kind."""
    return re.sub("y$", "ie", re.sub("s$", "se", kind.lower())) + "s"


def test_argo_cd_gives_rights_by_the_roles_that_git_holds_and_no_others() -> None:
    given = {"ClusterRole": "clusterroles", "Role": "roles"}
    held: dict[str, set[str]] = {name: set() for name in given.values()}
    for file in (ROOT / "operator/deploy").glob("*.yaml"):
        for item in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if item["kind"] in given:
                held[given[item["kind"]]].add(item["metadata"]["name"])
    role, _ = yaml.safe_load_all((ROOT / "gitops/bootstrap/argocd/rbac.yaml").read_text(encoding="utf-8"))
    gives = {rule["resources"][0]: set(rule["resourceNames"]) for rule in role["rules"] if "escalate" in rule["verbs"]}
    assert gives == held
    bound = {item["roleRef"]["name"] for item in ITEMS.values() if item["kind"] == "RoleBinding"}
    assert bound <= gives["clusterroles"]


def test_what_argo_cd_looks_at_is_what_its_projects_let_in() -> None:
    settings = yaml.safe_load((ROOT / "gitops/bootstrap/argocd/settings.yaml").read_text(encoding="utf-8"))
    included = {
        (group, kind)
        for each in yaml.safe_load(settings["data"]["resource.inclusions"])
        for group in each["apiGroups"]
        for kind in each["kinds"]
    }
    declared = (TEAM_KINDS, CLUSTER_KINDS, HEROLD_KINDS)
    let_in = {(group, kind) for kinds in declared for group in kinds for kind in kinds[group]}
    assert included == {each for each in let_in if each[0] != "herold.dev"} | {("herold.dev", "*")}


def test_no_team_and_no_shared_resource_lies_where_the_platform_s_applications_prune() -> None:
    paths = [
        item["spec"]["source"]["path"]
        for item in (*build_root(CLUSTER), *build_platform(CLUSTER))
        if item["kind"] == "Application"
    ]
    assert len(paths) == len(set(paths))
    kinds = {item["metadata"]["name"]: item for item in build_platform(CLUSTER)}["herold-kinds"]
    assert kinds["metadata"]["annotations"]["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"


def test_git_holds_no_secret() -> None:
    for file in (ROOT / "gitops").rglob("*.yaml"):
        kinds = [item.get("kind") for item in yaml.safe_load_all(file.read_text(encoding="utf-8")) if item]
        assert "Secret" not in kinds, file
