"""What Herold itself deploys keeps to the policies."""

from __future__ import annotations

import yaml

from herold.policies import Request, denials
from herold.settings import Settings
from herold_operator.jobs import build_audience_job, build_preflight_job
from herold_operator.pods import Platform
from herold_operator.settings import OperatorSettings
from herold_operator.workers import build_worker_deployment
from parts.campaigns import small_campaign
from parts.kubernetes import ROOT
from parts.tasks import task_view
from policies.cases import Object, offline, policies

DIGEST = f"registry.example/herold@sha256:{'0' * 64}"


def words(manifest: Object, environment: str) -> set[str]:
    return {each.partition(":")[0] for each in offline(manifest, environment)}


def test_the_operator_may_run_and_in_prod_by_its_digest_only() -> None:
    for manifest in yaml.safe_load_all((ROOT / "operator" / "deploy" / "operator.yaml").read_text()):
        assert words(manifest, "test") == set()
        if manifest["kind"] == "Deployment":
            assert words(manifest, "prod") == {"herold-image-digest"}
            manifest["spec"]["template"]["spec"]["containers"][0]["image"] = DIGEST
        assert words(manifest, "prod") == set()


def test_workers_and_jobs_may_run_in_prod() -> None:
    settings = OperatorSettings(worker_image=DIGEST)
    platform = Platform.of(settings, Settings(environment="prod"))
    assert words(build_worker_deployment(small_campaign().sender, 2, platform), "prod") == set()
    assert words(build_audience_job(task_view(), platform, settings), "prod") == set()
    ahead = build_preflight_job(task_view(kind="Preflight"), small_campaign().sender, platform, settings)
    assert words(ahead, "prod") == set()


def test_the_parameters_may_not_be_deleted() -> None:
    parameters = policies().parameters["prod"]
    found = denials(policies(), "prod", Request("DELETE", ("", "v1", "configmaps"), None, parameters))
    assert [each.policy for each in found] == ["herold-parameters-kept"]
