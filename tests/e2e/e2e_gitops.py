"""From a push to mail, on the real cluster with a real Argo CD; judged by what the relay accepted.

make e2e
"""

from __future__ import annotations

import dataclasses
import json
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from local.cluster.argocd import NAMESPACE
from local.cluster.gitserver import BRANCH, PUSH_URL, READER, git
from local.cluster.kubectl import Kubectl
from local.cluster.layout import GIT_NAMESPACE, PLATFORM_NAMESPACE, here
from local.cluster.progress import wait_until
from local.cluster.secret import known_value
from local.command import CommandFailed

from e2e.cluster import Cluster
from e2e.delivery import FOLDER, OTHER, OTHER_TEAM, Delivery, Repository, build_stray
from e2e.machine import processes_of, send
from e2e.people import TEAM, Crowd

Gather = Callable[[int], Crowd]
PER_SECOND = 40
WITHIN = 20.0
CONTROLLER = "argocd-application-controller"
REFRESH = "argocd.argoproj.io/refresh"


@pytest.fixture(scope="module")
def delivery(cluster: Cluster) -> Delivery:
    """What Argo CD says."""
    return Delivery(cluster.kubectl)


@pytest.fixture
def repository(delivery: Delivery, gather: Gather, tmp_path: Path) -> Iterator[Repository]:
    """A clone; what a test pushed is taken back by a push, before its people's resources are removed."""
    clone = Repository(tmp_path / "herold")
    before = git("rev-parse", "HEAD", folder=clone.folder).strip()
    yield clone
    clone.forget()
    git("checkout", "--quiet", before, "--", ".", folder=clone.folder)
    added = git("diff", "--name-only", "--diff-filter=A", before, "HEAD", folder=clone.folder).splitlines()
    for path in added:
        (clone.folder / path).unlink(missing_ok=True)
    if git("status", "--porcelain", folder=clone.folder).strip():
        commit = clone.push("As before the test")
        touched = git("diff", "--name-only", f"{commit}~1", commit, folder=clone.folder)
        for team in ("shop", OTHER):
            if f"{FOLDER}/{team}/" in touched:
                delivery.wait_synced(team, commit)


def later(crowd: Crowd) -> Crowd:
    """The same people, due tomorrow: nothing is sent while a test looks at resources."""
    return dataclasses.replace(crowd, due=(datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S"))


def now() -> float:
    """Seconds since 1970."""
    return datetime.now(UTC).timestamp()


def test_a_campaign_that_is_pushed_reaches_each_person_once(
    cluster: Cluster, delivery: Delivery, repository: Repository, gather: Gather
) -> None:
    crowd = gather(3)
    cluster.apply(crowd.platform(per_second=PER_SECOND))
    repository.declare(crowd)
    began = now()
    commit = repository.push("A campaign")
    cluster.wait_accepted(crowd, 3)
    arrived = [each.at - began for each in cluster.accepted(crowd)]
    print(f"\nfrom the push to the last of three mails accepted: {max(arrived):.1f} s")
    assert max(arrived) < WITHIN
    delivery.wait_synced("shop", commit)
    cluster.wait_reason(crowd, "Completed", "EverybodySettled")
    assert cluster.recipients(crowd) == Counter(crowd.addresses)
    wait_until("it is Healthy", lambda: delivery.health("shop", "Campaign", crowd.name) == "Healthy", seconds=60)


def test_what_is_edited_or_deleted_by_hand_is_healed(
    cluster: Cluster, delivery: Delivery, repository: Repository, gather: Gather
) -> None:
    crowd = later(gather(1))
    cluster.apply(crowd.platform(per_second=PER_SECOND))
    repository.declare(crowd)
    delivery.wait_synced("shop", repository.push("A campaign for tomorrow"))
    began = now()
    patch = '{"spec":{"audience":{"maxRecipients":999}}}'
    cluster.kubectl("patch", "campaign", crowd.name, "-n", TEAM, "--type=merge", "-p", patch)
    path = "jsonpath={.spec.audience.maxRecipients}"
    wait_until(
        "the edit is undone",
        lambda: cluster.kubectl("get", "campaign", crowd.name, "-n", TEAM, "-o", path) == "1",
        seconds=60,
    )
    print(f"\nan edit by hand was undone within {now() - began:.1f} s")
    cluster.kubectl("delete", "segment", crowd.name, "-n", TEAM)
    wait_until(
        "it is there again", lambda: cluster.kubectl.get("segment", crowd.name, "-n", TEAM) is not None, seconds=60
    )


def test_a_hold_survives_what_heals_and_a_revert_stops_what_was_merged(
    cluster: Cluster, delivery: Delivery, repository: Repository, gather: Gather
) -> None:
    crowd = gather(2000)
    cluster.apply(crowd.platform(per_second=PER_SECOND))
    repository.declare(crowd)
    repository.push("A campaign to many")
    cluster.wait_accepted(crowd, 80)
    cluster.kubectl("annotate", "campaign", crowd.name, "-n", TEAM, "herold.dev/hold=wrong price")
    cluster.wait_reason(crowd, "Suspended", "Held", seconds=30)
    wait_until("it is Suspended", lambda: delivery.health("shop", "Campaign", crowd.name) == "Suspended", seconds=60)
    at_rest = len(cluster.accepted(crowd))
    delivery.look_again("shop")
    assert cluster.reason(crowd, "Suspended") == "Held"
    assert len(cluster.accepted(crowd)) == at_rest < 2000

    cluster.kubectl("annotate", "campaign", crowd.name, "-n", TEAM, "herold.dev/hold-")
    cluster.wait_accepted(crowd, at_rest + 80)
    began = now()
    repository.revert()
    wait_until("the campaign is gone", lambda: cluster.status(crowd) == {}, seconds=60)
    gone = now()
    wait_until("ten seconds later", lambda: now() > gone + 10, seconds=30)
    last = max(each.at for each in cluster.accepted(crowd)) - began
    print(f"\na revert of a campaign in mid-flight: the last mail was accepted {last:.1f} s after the push")
    assert last < WITHIN
    assert len(cluster.accepted(crowd)) < 2000
    assert max(cluster.recipients(crowd).values()) == 1


def test_a_campaign_is_suspended_by_a_commit(
    cluster: Cluster, delivery: Delivery, repository: Repository, gather: Gather
) -> None:
    crowd = gather(2000)
    cluster.apply(crowd.platform(per_second=PER_SECOND))
    repository.declare(crowd)
    repository.push("A campaign to many")
    cluster.wait_accepted(crowd, 80)
    repository.declare(crowd, suspend=True)
    began = now()
    commit = repository.push("Stop it")
    cluster.wait_reason(crowd, "Suspended", "SpecSuspend", seconds=60)
    at_rest = now()
    wait_until("five seconds later", lambda: now() > at_rest + 5, seconds=30)
    last = max(each.at for each in cluster.accepted(crowd)) - began
    print(f"\nspec.suspend by a commit: the last mail was accepted {last:.1f} s after the push")
    assert last < WITHIN
    assert len(cluster.accepted(crowd)) < 2000
    delivery.wait_synced("shop", commit)


@pytest.mark.parametrize(
    ("stray", "words"),
    [
        # What Argo CD does not look at at all it leaves out, and says so; the rest it refuses.
        (build_stray("Secret", OTHER_TEAM), "Resource /Secret stray is excluded in the settings"),
        (build_stray("ConfigMap", OTHER_TEAM), "ConfigMap is not permitted in project team-club"),
        (build_stray("ClusterRole", OTHER_TEAM), "ClusterRole is not permitted in project team-club"),
        (build_stray("ServiceAccount", OTHER_TEAM), "ServiceAccount is not permitted in project team-club"),
        (
            {
                "apiVersion": "herold.dev/v1alpha1",
                "kind": "Segment",
                "metadata": {"name": "stray", "namespace": TEAM},
                "spec": {"schemaRef": {"name": "customers", "scope": "Shared"}, "allOf": []},
            },
            f"namespace {TEAM} is not permitted in project",
        ),
        (
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": ["https://git.example/other//base"],
            },
            "Kustomization",
        ),
    ],
    ids=[
        "kind that nobody brings",
        "kind of the platform",
        "kind without a namespace",
        "foreign kind",
        "foreign namespace",
        "kustomization with a remote base",
    ],
)
def test_what_a_team_may_not_bring_in_is_refused_by_name_and_a_revert_gets_through(
    delivery: Delivery, repository: Repository, stray: dict[str, object], words: str
) -> None:
    name = "kustomization.yaml" if stray["kind"] == "Kustomization" else "stray.yaml"
    repository.write(f"{OTHER}/{name}", yaml.safe_dump(stray))
    fine = (repository.folder / FOLDER / OTHER / "members.yaml").read_text().replace("name: members", "name: fine")
    repository.write(f"{OTHER}/fine.yaml", fine)
    repository.push("Something that does not belong")
    delivery.wait_words(OTHER, words)
    assert delivery.kubectl.get("segment", "stray", "-n", TEAM) is None
    assert delivery.kubectl.get("secret", "stray", "-n", OTHER_TEAM) is None
    assert delivery.kubectl.get("configmap", "stray", "-n", OTHER_TEAM) is None
    assert delivery.kubectl.get("serviceaccount", "stray", "-n", OTHER_TEAM) is None
    assert delivery.kubectl.get("clusterrole", "stray") is None
    delivery.wait_synced(OTHER, repository.revert())


def test_one_broken_file_stops_its_own_team_only_and_what_ran_goes_on(
    delivery: Delivery, repository: Repository, gather: Gather
) -> None:
    repository.write(f"{OTHER}/broken.yaml", "apiVersion: herold.dev/v1alpha1\nkind: Campaign\nmetadata: [\n")
    repository.declare(later(gather(1)))
    commit = repository.push("A file that is not YAML, and a campaign of another team")
    delivery.wait_synced("shop", commit)
    delivery.wait_words(OTHER, "broken.yaml")
    assert delivery.kubectl.get("campaign", "winter-evening", "-n", OTHER_TEAM) is not None
    delivery.wait_synced(OTHER, repository.revert())


def test_an_invalid_resource_beside_good_ones_is_named_and_the_good_ones_come_in(
    delivery: Delivery, repository: Repository
) -> None:
    text = (repository.folder / FOLDER / OTHER / "members.yaml").read_text()
    repository.write(f"{OTHER}/fine.yaml", text.replace("name: members", "name: fine"))
    repository.write(f"{OTHER}/wrong.yaml", text.replace("name: members", "name: wrong").replace("allOf", "allof"))
    repository.push("One that the API server refuses")
    delivery.wait_words(OTHER, "allof")
    wait_until(
        "the good one is there",
        lambda: delivery.kubectl.get("segment", "fine", "-n", OTHER_TEAM) is not None,
        seconds=60,
    )
    delivery.wait_synced(OTHER, repository.revert())


def test_an_empty_folder_is_a_wish_and_the_namespace_stays(delivery: Delivery, repository: Repository) -> None:
    for file in (repository.folder / FOLDER / OTHER).glob("*.yaml"):
        file.unlink()
    repository.write(f"{OTHER}/README.md", "No campaigns at the moment.\n")
    delivery.wait_synced(OTHER, repository.push("No campaigns at the moment"))
    wait_until(
        "the campaign is gone",
        lambda: delivery.kubectl.get("campaign", "winter-evening", "-n", OTHER_TEAM) is None,
        seconds=60,
    )
    assert delivery.kubectl.get("namespace", OTHER_TEAM) is not None
    delivery.wait_synced(OTHER, repository.revert())
    assert delivery.kubectl.get("campaign", "winter-evening", "-n", OTHER_TEAM) is not None


def test_links_and_large_files_are_refused_at_the_push(repository: Repository) -> None:
    link = repository.folder / FOLDER / OTHER / "link.yaml"
    link.symlink_to("/etc/passwd")
    with pytest.raises(CommandFailed, match="symbolic link"):
        repository.push("A link out of the folder")
    git("reset", "--quiet", "--hard", f"origin/{BRANCH}", folder=repository.folder)
    repository.write(f"{OTHER}/large.yaml", "#" * (5 << 20))
    with pytest.raises(CommandFailed, match="at most"):
        repository.push("Five megabytes")


def test_only_a_writer_pushes_and_history_is_not_rewritten(kubectl: Kubectl, repository: Repository) -> None:
    token = known_value(kubectl, GIT_NAMESPACE, "git-users", READER)
    store = repository.folder.parent / "reader"
    store.touch(mode=0o600)
    store.write_text(f"https://{READER}:{token}@{PUSH_URL.split('/')[2]}\n")
    authority = ("-c", f"http.sslCAInfo={here().pki / 'ca.crt'}")
    reader = (*authority, "-c", "credential.helper=", "-c", f"credential.helper=store --file={store}")
    assert git(*reader, "ls-remote", PUSH_URL)
    with pytest.raises(CommandFailed):
        git(*reader, "push", PUSH_URL, f"HEAD:{BRANCH}", folder=repository.folder)
    with pytest.raises(CommandFailed):
        git(*authority, "-c", "credential.helper=", "ls-remote", PUSH_URL)
    with pytest.raises(CommandFailed, match=r"non-fast-forward|denying|rejected"):
        git("push", "--force", "origin", f"HEAD~1:{BRANCH}", folder=repository.folder)


def test_a_push_comes_in_though_argo_cd_is_killed_in_the_middle(
    cluster: Cluster, delivery: Delivery, repository: Repository, gather: Gather
) -> None:
    crowd = later(gather(1))
    cluster.apply(crowd.platform(per_second=PER_SECOND))
    repository.declare(crowd)
    commit = repository.push("A campaign for tomorrow")
    killed = 0
    for part in (CONTROLLER, "argocd-repo-server"):
        for uid in cluster.uids("-n", NAMESPACE, "-l", f"app.kubernetes.io/name={part}"):
            victims = processes_of(uid, part)
            send(victims, signal.SIGKILL)
            killed += len(victims)
    assert killed >= 2
    began = now()
    delivery.wait_synced("shop", commit, seconds=300)
    print(f"\ncontroller and repo-server killed at the push: delivered {now() - began:.1f} s later")
    assert cluster.kubectl.get("campaign", crowd.name, "-n", TEAM) is not None


def test_with_the_git_server_down_what_is_armed_is_sent_and_a_push_is_taken_up_afterwards(
    cluster: Cluster, delivery: Delivery, repository: Repository, gather: Gather
) -> None:
    crowd = gather(3)
    cluster.apply(crowd.platform(per_second=PER_SECOND))
    scale = ("scale", "deployment/git", "-n", GIT_NAMESPACE)
    cluster.kubectl(*scale, "--replicas=0")
    try:
        wait_until("it is gone", lambda: cluster.uids("-n", GIT_NAMESPACE, "-l", "app=git") == [], seconds=60)
        cluster.apply(crowd.team())
        cluster.wait_accepted(crowd, 3)
        delivery.kubectl("annotate", "application", "team-shop", "-n", NAMESPACE, "--overwrite", f"{REFRESH}=hard")
        delivery.wait_words("shop", "failed to list refs")
        assert cluster.kubectl.get("campaign", "spring-sale", "-n", TEAM) is not None
    finally:
        cluster.kubectl(*scale, "--replicas=1")
        cluster.kubectl("rollout", "status", "deployment/git", "-n", GIT_NAMESPACE, "--timeout=120s", seconds=130)
    began = now()
    commit = repository.push_when_it_answers("It is back")
    delivery.wait_synced("shop", commit, seconds=120)
    print(f"\nGit server down and up again: the next push was delivered {now() - began:.1f} s later")
    assert cluster.recipients(crowd) == Counter(crowd.addresses)


def test_a_kind_that_is_gone_from_git_stays_in_the_cluster_with_its_campaigns(
    delivery: Delivery, repository: Repository
) -> None:
    kind = "segments.herold.dev"
    (repository.folder / "operator/crds/segments.yaml").unlink()
    commit = repository.push("Without a kind")
    delivery.wait_revision("herold-kinds", commit)
    assert delivery.kubectl.get("crd", kind) is not None
    assert delivery.kubectl.get("segment", "customers", "-n", TEAM) is not None
    commit = repository.revert()
    delivery.wait_revision("herold-kinds", commit)
    assert delivery.kubectl.get("crd", kind) is not None


def test_a_campaign_to_many_starts_when_a_second_person_approved_it_by_git(
    cluster: Cluster, delivery: Delivery, repository: Repository, gather: Gather
) -> None:
    crowd = gather(3)
    items = crowd.team()
    items[-1]["spec"]["audience"]["maxRecipients"] = 60_000
    repository.write(f"shop/{crowd.name}.yaml", yaml.safe_dump_all(items, sort_keys=False))
    repository.write(f"shared/{crowd.name}.yaml", yaml.safe_dump_all(crowd.platform(per_second=PER_SECOND)))
    repository.push("A campaign to many")
    cluster.wait_reason(crowd, "Planned", "ApprovalMissing")
    assert cluster.accepted(crowd) == []
    repository.approve(crowd.name, "somebody-else")
    began = now()
    commit = repository.push("Looked at")
    cluster.wait_accepted(crowd, 3)
    print(f"\nfrom the push of an approval to the last of three mails accepted: {now() - began:.1f} s")
    delivery.wait_revision("approvals-shop", commit)
    assert cluster.recipients(crowd) == Counter(crowd.addresses)


def test_what_never_may_happen_is_refused_with_the_words_that_a_marketer_reads_offline(
    delivery: Delivery, repository: Repository, gather: Gather
) -> None:
    crowd = later(gather(1))
    items = crowd.team()
    items[-1]["spec"]["audience"]["maxRecipients"] = 100_001
    repository.write(f"shop/{crowd.name}.yaml", yaml.safe_dump_all(items, sort_keys=False))
    repository.push("More people than anybody may reach")
    delivery.wait_words("shop", "herold-audience-bound")
    # Its sender is not among the files.
    (mistake,) = [each for each in repository.validate() if "herold-audience-bound" in each["message"]]
    problem = mistake["message"].partition(" (policy ")[0]
    assert f"{mistake['path']}: {problem}" in delivery.words("shop")
    assert delivery.kubectl.get("campaign", crowd.name, "-n", TEAM) is None
    delivery.wait_synced("shop", repository.revert())


def test_no_token_is_in_what_the_pods_say(kubectl: Kubectl, delivery: Delivery) -> None:
    tokens = [known_value(kubectl, GIT_NAMESPACE, "git-users", name) for name in ("writer", READER)]
    said = kubectl("logs", "-n", GIT_NAMESPACE, "deploy/git", "--tail=-1")
    for part in ("deploy/argocd-repo-server", "deploy/argocd-server", f"statefulset/{CONTROLLER}"):
        said += kubectl("logs", "-n", NAMESPACE, part, "--tail=-1")
    assert said
    assert [token for token in tokens if token and token in said] == []
    assert here().git_credentials.stat().st_mode & 0o077 == 0


def test_the_password_of_argo_cd_s_cache_is_in_files_and_nowhere_else(kubectl: Kubectl) -> None:
    password = known_value(kubectl, NAMESPACE, "argocd-redis", "auth")
    pods = kubectl.get("pods", "-n", NAMESPACE)
    assert password
    assert pods
    assert "secretKeyRef" not in json.dumps(pods)
    redis = ("exec", "-n", NAMESPACE, "deploy/argocd-redis", "--")
    assert password not in kubectl(*redis, "cat", "/proc/1/cmdline", "/proc/1/environ")
    assert "NOAUTH" in kubectl(*redis, "redis-cli", "dbsize")


def test_argo_cd_s_own_cluster_says_where_what_holds_data_is(kubectl: Kubectl) -> None:
    cluster = kubectl.get("secret", "in-cluster", "-n", NAMESPACE)
    assert cluster
    facts = cluster["metadata"]["annotations"]
    url = known_value(kubectl, PLATFORM_NAMESPACE, "herold-database-operator", "url")
    assert url
    assert f"@{facts['herold.dev/ledger']}/" in url
    for name in ("ledger", "cache", "queue"):
        service, namespace = facts[f"herold.dev/{name}"].split(".")[:2]
        assert kubectl.get("service", service, "-n", namespace)
