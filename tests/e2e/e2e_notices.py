"""On the real cluster: a team's receiver is told what becomes of its campaign, signed, and nothing of a person.

make e2e
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from local.cluster.layout import PLATFORM_NAMESPACE
from local.cluster.progress import wait_until
from local.cluster.secret import build_secret

from e2e.cluster import Cluster
from e2e.people import TEAM, Crowd, Item
from e2e.pods import build_pod
from herold_operator.receivers import SECRET
from parts.webhook_receiver import Post, verify

NAMESPACE = "e2e-hooks"
PORT = 8081
# A receiver as a team might have it: it answers, and says what it got. Whether that is true is asked by the test.
SERVER = f"""
import http.server, json
class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        headers = {{name.lower(): value for name, value in self.headers.items()}}
        print(json.dumps({{"headers": headers, "raw": raw}}), flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("", {PORT}), Hook).serve_forever()
"""


@dataclass(frozen=True)
class Receiver:
    """The receiver's pod, and the key that only the platform and it know."""

    cluster: Cluster
    pod: str
    secret: str

    def posts(self) -> list[Post]:
        """What came, verified by the key and the moment at which it is read."""
        found = []
        for line in self.cluster.kubectl("logs", self.pod, "-n", NAMESPACE).splitlines():
            got = json.loads(line)
            raw = got["raw"].encode()
            found.append(Post(verify(self.secret, got["headers"], raw, time.time()), raw, got["headers"]))
        return found

    def told(self, crowd: Crowd) -> list[Post]:
        """Of these people's campaign, each notice once."""
        return list({post.number: post for post in self.posts() if post.data.get("name") == crowd.name}.values())


@pytest.fixture(scope="module")
def receiver(cluster: Cluster) -> Iterator[Receiver]:
    """Declared for the team as docs/how-to/hear-of-campaigns.md says, and taken away again."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    labels = {"herold.dev/receives": "notices", "pod-security.kubernetes.io/enforce": "restricted"}
    pod = build_pod(["/usr/bin/python3.11", "-c", SERVER], NAMESPACE, {"app": "hooks"})
    pod["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
    service: Item = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "hooks", "namespace": NAMESPACE},
        "spec": {"selector": {"app": "hooks"}, "ports": [{"port": 80, "targetPort": PORT}]},
    }
    namespace: Item = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
    file = json.dumps({"url": f"http://hooks.{NAMESPACE}.svc/shop", "secret": secret})
    cluster.apply([namespace])
    try:
        cluster.apply([pod, service, build_secret(PLATFORM_NAMESPACE, SECRET, {f"{TEAM}.json": file})])
        name = pod["metadata"]["name"]
        cluster.kubectl("wait", "--for=condition=Ready", f"pod/{name}", "-n", NAMESPACE, "--timeout=60s", seconds=70)
        wait_until("the kubelets have brought the Secret", lambda: _is_brought(cluster), seconds=180)
        yield Receiver(cluster, name, secret)
    finally:
        cluster.kubectl("delete", "secret", SECRET, "-n", PLATFORM_NAMESPACE, "--ignore-not-found")
        cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", seconds=120)
        wait_until("nobody is told any more", lambda: not _is_brought(cluster, anywhere=True), seconds=180)


def _is_brought(cluster: Cluster, *, anywhere: bool = False) -> bool:
    """Whether the operator's pods (all of them, or `anywhere` one) see the receiver's file."""
    where = f"/var/run/herold/secrets/{SECRET}"
    words = ("-l", "app.kubernetes.io/name=herold-operator", "-n", PLATFORM_NAMESPACE)
    # A kubelet looks about once a minute, and at once when the pod changes.
    cluster.kubectl("annotate", "pod", *words, "--overwrite", f"herold.dev/looked-at={time.time():.0f}")
    names = cluster.kubectl("get", "pod", *words, "-o", "name").split()
    seen = [cluster.kubectl("exec", "-n", PLATFORM_NAMESPACE, name, "--", "ls", where) for name in names]
    return (any if anywhere else all)(f"{TEAM}.json" in each for each in seen)


def test_a_team_is_told_of_start_and_end_with_the_numbers_that_the_relay_took(
    cluster: Cluster, receiver: Receiver, gather: Callable[[int], Crowd]
) -> None:
    crowd = gather(3)
    cluster.start(crowd, per_second=40)
    cluster.wait_reason(crowd, "Completed", "EverybodySettled")
    wait_until(
        "the end is told",
        lambda: "campaign.completed" in [each.kind for each in receiver.told(crowd)],
        seconds=60,
    )
    told = receiver.told(crowd)
    kinds = [each.kind for each in told]
    assert kinds[-1] == "campaign.completed"
    assert "campaign.started" in kinds
    assert told[-1].data["namespace"] == TEAM
    assert told[-1].data["counts"]["sent"] == len(cluster.accepted(crowd)) == 3
    words = "\n".join(each.raw.decode() for each in told)
    assert [each for each in ("@", "Anna", "example.com") if each in words] == []


def test_a_brake_is_told_and_its_end(cluster: Cluster, receiver: Receiver, gather: Callable[[int], Crowd]) -> None:
    crowd = gather(400)
    cluster.start(crowd, per_second=20)
    cluster.wait_accepted(crowd, 20)
    cluster.kubectl("annotate", "campaign", crowd.name, "-n", TEAM, "herold.dev/hold=wrong price")
    cluster.wait_reason(crowd, "Suspended", "Held", seconds=30)
    held = "campaign.held"
    wait_until("the brake is told", lambda: held in [each.kind for each in receiver.told(crowd)], seconds=60)
    assert "wrong price" not in "\n".join(each.raw.decode() for each in receiver.told(crowd))
    cluster.kubectl("annotate", "campaign", crowd.name, "-n", TEAM, "herold.dev/hold-")
    wait_until("its end is told", lambda: receiver.told(crowd)[-1].kind == "campaign.released", seconds=60)
