"""The read service as the process that a pod runs, and people who ask it, each with what the API server gave them."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from controller.platform import PLATFORM, TEAM, Platform
from herold.ledger.runs import start_run
from herold.resources.resolved import ResolvedCampaign
from herold_reader.protocol import TOKEN_HEADER, Ask, path_of
from parts.herold_processes import Child, shared_forker
from parts.kubernetes import READER_ACCOUNT, ROOT, ApiServer, free_port, wait_for
from parts.people import KEY

PEOPLE = "people"
DEPLOY = ROOT / "operator" / "deploy"
PATIENCE = 60.0


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    body: Any
    text: str
    headers: dict[str, str]

    @property
    def error(self) -> str:
        """The kind of the error, "" without one."""
        return str(self.body.get("error", {}).get("kind", ""))


@dataclass
class Reader:
    """A running service. `people` are tokens by name."""

    process: Child
    port: int
    health_port: int
    log: Path
    people: dict[str, str]

    def ask(
        self,
        ask: Ask,
        name: str = "hello",
        *,
        who: str | None = None,
        token: str | None = None,
        body: Any = None,
        query: str = "",
        namespace: str = TEAM,
    ) -> Told:
        """One question, by somebody's token."""
        token = self.people[who] if who is not None else token
        headers = {TOKEN_HEADER: token} if token is not None else {}
        method = "GET" if ask in (Ask.PLAN, Ask.REPORT, Ask.DELIVERIES) else "POST"
        return self.request(method, path_of(ask, namespace, name) + query, headers, body)

    def request(self, method: str, path: str, headers: dict[str, str], body: Any = None) -> Told:
        """One request over TLS of its own. Raises OSError or HTTPException when there is no answer."""
        return request("127.0.0.1", self.port, method, path, headers, body)

    def metrics(self) -> str:
        """/metrics."""
        connection = http.client.HTTPConnection("127.0.0.1", self.health_port, timeout=PATIENCE)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """What it logged; every line is JSON."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if name in ("", line["event"])]

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """Ask it to end, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        return self.process.wait(30)


def request(host: str, port: int, method: str, path: str, headers: dict[str, str], body: Any = None) -> Told:
    """One request to the service, or to the API server. Raises OSError or HTTPException when there is no answer."""
    connection = http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=any_certificate())
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    return Told(answer.status, json.loads(text), text, {name.lower(): value for name, value in answer.getheaders()})


def start_reader(platform: Platform, *, url: str | None = None, **settings: str) -> Reader:
    """Start one, on loopback unless `host` says otherwise."""
    port, health_port = free_port(), free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HEROLD_", "KUBE"))}
    environ |= {
        "KUBECONFIG": str(platform.api.kubeconfig(READER_ACCOUNT)),
        "HEROLD_DATABASE_URL": url or platform.url,
        "HEROLD_STATE_DIR": str(platform.settings.state_dir),
        "HEROLD_SINGLE_NODE": "true",
        "HEROLD_READER_HOST": "127.0.0.1",
        "HEROLD_READER_PORT": str(port),
        "HEROLD_READER_HEALTH_PORT": str(health_port),
    }
    environ |= {f"HEROLD_READER_{name.upper()}": value for name, value in settings.items()}
    path = platform.folder / f"reader-{port}.log"
    process = shared_forker("herold_reader.__main__").start([], environ, path)
    reader = Reader(process, port, health_port, path, {})

    def listens() -> bool:
        assert process.poll() is None, path.read_text()
        return bool(reader.events("listening"))

    try:
        wait_for("the read service", listens, PATIENCE)
    except BaseException:
        reader.stop(signal.SIGKILL)
        raise
    return reader


def admit(api: ApiServer) -> dict[str, str]:
    """What the platform gives: roles, and people with tokens of their own. `mallory` may something elsewhere."""
    for file in ("campaign-roles.yaml", "reader.yaml"):
        for item in yaml.safe_load_all((DEPLOY / file).read_text()):
            if item["kind"] not in ("Deployment", "PodDisruptionBudget"):
                api.apply(item)
    for name in (PEOPLE, "campaigns-other"):
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    rights = {
        "vera": ["campaign-viewer"],
        "otto": ["campaign-auditor"],
        "olga": ["campaign-viewer", "campaign-operator"],
        "stranger": [],
    }
    for name in (*rights, "mallory"):
        metadata = {"name": name, "namespace": PEOPLE}
        api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    for name, roles in rights.items():
        for role in roles:
            api.apply(build_binding(TEAM, role, name, PEOPLE))
    for role in ("campaign-viewer", "campaign-auditor", "campaign-operator"):
        api.apply(build_binding("campaigns-other", role, "mallory", PEOPLE))
    return {name: api.token_of(PEOPLE, name) for name in (*rights, "mallory")}


def build_binding(namespace: str, role: str, account: str, where: str) -> dict[str, Any]:
    """A RoleBinding of a ClusterRole to a service account."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"{account}-{role}", "namespace": namespace},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": where}],
    }


def outside_address() -> str | None:
    """An address of this machine that is not loopback: the API server refuses to proxy to loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            return None
        address = str(probe.getsockname()[0])
    return None if address.startswith("127.") else address


def build_pod() -> dict[str, Any]:
    """It never runs; PodSecurity `restricted` lets it in."""
    inside = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {"name": "reader", "image": "none", "securityContext": inside}
    outside = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "herold-reader-0", "namespace": PLATFORM},
        "spec": {"containers": [container], "securityContext": outside},
    }


def build_endpoints(address: str, port: int) -> dict[str, Any]:
    target = {"kind": "Pod", "namespace": PLATFORM, "name": "herold-reader-0"}
    subset = {"addresses": [{"ip": address, "targetRef": target}], "ports": [{"name": "reader", "port": port}]}
    metadata = {"name": "herold-reader", "namespace": PLATFORM}
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": [subset]}


def lead_to(api: ApiServer, address: str, port: int) -> None:
    """What kubelet and controllers do elsewhere: the Service leads to a pod that runs here, and has this address."""
    documents = yaml.safe_load_all((DEPLOY / "reader.yaml").read_text())
    service = next(each for each in documents if each["kind"] == "Service")
    service["spec"].pop("selector")
    api.apply(service)
    api.apply(build_pod())
    path = f"/api/v1/namespaces/{PLATFORM}"
    status = {"status": {"podIP": address, "podIPs": [{"ip": address}]}}
    kind = "application/merge-patch+json"
    api.ask("PATCH", f"{path}/pods/herold-reader-0/status", status, kind=kind)
    query = "fieldManager=tests&force=true"
    content = "application/apply-patch+yaml"
    endpoints = build_endpoints(address, port)
    api.ask("PATCH", f"{path}/endpoints/herold-reader?{query}", endpoints, kind=content)


def begin(platform: Platform, resolved: ResolvedCampaign) -> int:
    """A run in the ledger, as the operator would start it."""
    return start_run(platform.connection, resolved, key=KEY, actor="test", at_once=True).run_id


def any_certificate() -> ssl.SSLContext:
    """As the API server's proxy does it: encrypted, whoever it is."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
