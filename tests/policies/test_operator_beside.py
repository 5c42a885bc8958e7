"""Where the policies are in force the operator and its workers do their work, and what they do is judged too."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from controller.platform import SENDERS, platform_on, world
from parts.kubernetes import api_server_in, wait_for
from parts.smtp_sink import smtp_sink
from policies.cluster import Cluster, anew
from policies.test_own_workloads import DIGEST


@pytest.mark.parametrize("image", [DIGEST, "registry.example/herold:1.0"])
def test_a_campaign_is_sent_where_policies_are_in_force(database: str, tmp_path: Path, image: str) -> None:
    with api_server_in(tmp_path / "kubernetes") as api, smtp_sink(tmp_path / "sink.log") as sink:
        cluster = Cluster(api)
        with platform_on(api, database, tmp_path) as platform:
            cluster.install("staging")
            *items, campaign = world(
                port=sink.port,
                campaign={"audience": {"segmentRefs": [{"name": "everybody"}], "maxRecipients": 100}},
            )
            items[1]["metadata"]["labels"] = {"herold.dev/environment": "staging"}
            wrong = anew(items[1])
            wrong["metadata"]["labels"] = {"herold.dev/environment": "prod"}
            wait_for("the policies", lambda: cluster.says(wrong))
            operator = platform.operator(worker_image=image)
            platform.apply(*items, campaign)
            path = f"/apis/apps/v1/namespaces/{SENDERS}/deployments"
            if image != DIGEST:
                wait_for("a refusal", lambda: "herold-image-digest" in operator.log.read_text())
                assert api.ask("GET", path)["items"] == []
                return
            (deployment,) = wait_for("a worker", lambda: api.ask("GET", path)["items"])
            assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == DIGEST
            worker = platform.worker()
            try:
                platform.wait_reason(campaign, "Completed", "EverybodySettled")
            finally:
                worker.send_signal(signal.SIGTERM)
                worker.wait(30)
            assert "ValidatingAdmissionPolicy" not in operator.log.read_text()
