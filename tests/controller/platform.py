"""A platform for tests of the operator: an API server, a ledger, and the operator as the process that a pod runs."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from herold.ledger.counts import RunStatus, run_status
from herold.ledger.database import Connection, connect
from herold.ledger.installation import adopt
from herold.ledger.roles import BUILDER, OPERATOR, apply_grants
from herold.resources import Campaign, ContactSchema, MessageTemplate, Segment, SenderProfile
from herold.resources.meta import API_VERSION
from herold.resources.resolved import ResolvedCampaign
from herold.settings import Settings
from herold_operator.receivers import SECRET
from parts.campaigns import small_campaign
from parts.herold_processes import Child, shared_forker
from parts.jobs import Node, node_in
from parts.kubernetes import ROOT, SERVICE_ACCOUNT, Answer, ApiServer, wait_for
from parts.logins import login
from parts.people import KEY, add_people

Object = dict[str, Any]
TEAM, SHARED, SENDERS, PLATFORM = "campaigns-shop", "campaigns-shared", "herold-senders", "herold-platform"


def manifests(resolved: ResolvedCampaign) -> list[Object]:
    """The five resources, in the order in which they name each other."""
    content = resolved.to_json()
    return [content["schema"], content["sender"], content["template"], *content["segments"], content["campaign"]]


@dataclass
class Operator:
    """A running operator."""

    process: Child
    log: Path

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """Ask it to end, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        return self.process.wait(30)

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """What it logged."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if name in ("", line["event"])]


@dataclass
class Platform:
    """An API server, a ledger with people, operators, and a node that runs Jobs."""

    api: ApiServer
    url: str
    folder: Path
    settings: Settings
    connection: Connection
    operator_url: str
    node: Node
    operators: list[Operator] = field(default_factory=list)
    api_port: int | None = None  # of a proxy on the way of operators to the API
    ledger_url: str = ""  # the same, to the ledger
    always: dict[str, str] = field(default_factory=dict)  # settings of every operator
    secrets: Path | None = None  # what a pod of the operator has mounted

    def operator(self, **settings: str) -> Operator:
        """Start one. Its settings are those of a fast test, `HEROLD_OPERATOR_` before each."""
        number = len(self.operators) + 1
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("HEROLD_", "KUBE"))}
        environ |= {
            "KUBECONFIG": str(self.api.kubeconfig(SERVICE_ACCOUNT, self.api_port)),
            "HEROLD_DATABASE_URL": self.ledger_url or self.operator_url,
            "HEROLD_STATE_DIR": str(self.settings.state_dir),
            "HEROLD_SINGLE_NODE": "true",
            "HEROLD_LOG_LEVEL": "debug",
            "HEROLD_OPERATOR_IDENTITY": f"replica-{number}",
            "HEROLD_OPERATOR_TICK": "0.2",
            "HEROLD_OPERATOR_COUNTS_EVERY": "1",
        }
        if self.secrets is not None:
            environ["HEROLD_SECRETS_DIR"] = str(self.secrets)
        environ |= {f"HEROLD_OPERATOR_{name.upper()}": value for name, value in (self.always | settings).items()}
        path = self.folder / f"operator-{number}.log"
        process = shared_forker("herold_operator.__main__").start([], environ, path)
        self.operators.append(Operator(process, path))
        return self.operators[-1]

    def declare_receiver(self, content: Object, name: str = TEAM) -> None:
        """As the Secret `herold-webhooks` has it: exchanged at once, as a kubelet does."""
        self.secrets = self.folder / "secrets"
        for folder in ("herold-key", SECRET):
            (self.secrets / folder).mkdir(parents=True, exist_ok=True)
        (self.secrets / "herold-key" / "key").write_bytes(KEY)
        fresh = self.secrets / SECRET / f".{name}"
        fresh.write_text(json.dumps(content))
        fresh.replace(self.secrets / SECRET / f"{name}.json")

    def apply(self, *items: Object) -> None:
        """`kubectl apply`."""
        for item in items:
            self.api.apply(item)

    def declare(self, **overrides: Any) -> Object:
        """Apply a `world`; its campaign."""
        *others, campaign = world(**overrides)
        self.apply(*others, campaign)
        return campaign

    def status(self, item: Object) -> Object:
        """The status as it is now, {} without one."""
        status: Object = self.api.get(item).get("status", {})
        return status

    def condition(self, item: Object, name: str) -> Object | None:
        """A condition of the newest generation, None before there is one."""
        found = self.api.get(item)
        for each in found.get("status", {}).get("conditions", ()):
            if each["type"] == name and each["observedGeneration"] == found["metadata"]["generation"]:
                return dict(each)
        return None

    def wait_reason(self, item: Object, name: str, reason: str, seconds: float = 30.0) -> Object:
        """Until the condition has that reason for the newest generation."""
        seen: list[Object | None] = [None]

        def there() -> Object | None:
            seen[0] = self.condition(item, name)
            return seen[0] if seen[0] is not None and seen[0]["reason"] == reason else None

        try:
            return wait_for(f"{name} {reason}", there, seconds)
        except AssertionError:
            logs = "\n".join(each.log.read_text()[-3000:] for each in self.operators)
            raise AssertionError(f"{name} is not {reason} but {seen[0]}\n{self.status(item)}\n{logs}") from None

    def told(self, item: Object) -> list[Object]:
        """Events about this object, in the order of their first time, then of their making."""
        found = self.api.get(item)["metadata"]
        query = f"?fieldSelector=involvedObject.uid={found['uid']}"
        events = self.api.ask("GET", f"/api/v1/namespaces/{found['namespace']}/events{query}")["items"]
        return sorted(events, key=lambda each: int(each["metadata"]["resourceVersion"]))

    def lists(self, since: float) -> int:
        """How often an operator listed the campaigns since: at its start, for its watch, when it leads, soon after the
        start once more, then at each resync."""
        asked = self.api.requests(since)
        return len([each for each in asked if each["verb"] == "list" and each["objectRef"]["resource"] == "campaigns"])

    def runs(self) -> list[RunStatus]:
        """Runs of the ledger, newest first."""
        return run_status(self.connection)

    def worker(self, **settings: str) -> subprocess.Popen[bytes]:
        """A worker as a pod would run it. `settings`: `HEROLD_` before each."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HEROLD_")}
        environ |= {
            "HEROLD_DATABASE_URL": self.ledger_url or self.url,
            "HEROLD_STATE_DIR": str(self.settings.state_dir),
        }
        environ |= {"HEROLD_SINGLE_NODE": "true"}
        environ |= {f"HEROLD_{name.upper()}": value for name, value in settings.items()}
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "herold.cli", "worker"], env=environ, stdout=log, stderr=log)


@contextmanager
def platform_on(api: ApiServer, url: str, folder: Path, people: int = 5) -> Iterator[Platform]:
    """A platform of this test's own on an API server that tests share: Herold's resources are gone afterwards."""
    settings = Settings(database_url=url, state_dir=folder / "state", single_node=True)
    settings.state_dir.mkdir(parents=True)
    key = settings.state_dir / "key"
    key.write_bytes(KEY)
    for item in _items_of("namespaces", "rbac"):
        api.apply(item)
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}})
    with connect(url) as connection, ExitStack() as stack:
        adopt(connection, settings, KEY)
        apply_grants(connection)
        add_people(connection, [f"person{number}@example.com" for number in range(people)])
        builder, operator = (stack.enter_context(login(connection, role)) for role in (BUILDER, OPERATOR))
        api.apply(_secret("herold-database-builder", {"url": builder}))
        api.apply(_secret("herold-key", {"key": KEY.decode()}))
        stack.callback(clean, api)
        node = stack.enter_context(node_in(api, SENDERS, folder / "node"))
        platform = Platform(api, url, folder, settings, connection, operator, node)
        try:
            yield platform
        finally:
            for each in platform.operators:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    each.stop(signal.SIGKILL)


def _items_of(*names: str) -> Iterator[Object]:
    for name in names:
        yield from yaml.safe_load_all((ROOT / "operator" / "deploy" / f"{name}.yaml").read_text())


def _secret(name: str, data: dict[str, str]) -> Object:
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": SENDERS}, "data": encoded}


def clean(api: ApiServer) -> None:
    """Remove Herold's resources, Deployments, Jobs and Leases."""
    for plural in (
        "campaigns",
        "campaignapprovals",
        "segments",
        "messagetemplates",
        "senderprofiles",
        "contactschemas",
    ):
        for namespace in {item["metadata"]["namespace"] for item in _items(api, f"/apis/herold.dev/v1alpha1/{plural}")}:
            api.ask("DELETE", f"/apis/herold.dev/v1alpha1/namespaces/{namespace}/{plural}")
    api.ask("DELETE", f"/apis/apps/v1/namespaces/{SENDERS}/deployments")
    for path in (f"/apis/batch/v1/namespaces/{SENDERS}/jobs", f"/api/v1/namespaces/{SENDERS}/pods"):
        api.ask("DELETE", f"{path}?gracePeriodSeconds=0&propagationPolicy=Background")
    api.ask("DELETE", f"/api/v1/namespaces/{SENDERS}/resourcequotas")
    with contextlib.suppress(Answer):
        api.ask("DELETE", f"/apis/coordination.k8s.io/v1/namespaces/{PLATFORM}/leases/herold-operator")


def _items(api: ApiServer, path: str) -> list[Object]:
    items: list[Object] = api.ask("GET", path)["items"]
    return items


def intent_digest(resources: list[Object]) -> str:
    """Of a campaign, the last of its five manifests: what files say of it, without a cluster."""
    schema, sender, template, *segments, campaign = resources
    resolved = ResolvedCampaign(
        Campaign.model_validate(campaign),
        tuple(Segment.model_validate(each) for each in segments),
        MessageTemplate.model_validate(template),
        SenderProfile.model_validate(sender),
        ContactSchema.model_validate(schema),
        SHARED,
    )
    return f"sha256:{resolved.intent_digest()}"


def approval(resources: list[Object], *, name: str = "yes", **overrides: Any) -> Object:
    """Somebody else's, of just this campaign with its five manifests; each override is a field of the spec."""
    campaign = resources[-1]
    spec = {
        "campaign": campaign["metadata"]["name"],
        "intentDigest": intent_digest(resources),
        "maxRecipients": campaign["spec"]["audience"]["maxRecipients"],
        "approver": "crm-lead",
        "reason": "looked at the plan",
        **overrides,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "CampaignApproval",
        "metadata": {"name": name, "namespace": TEAM},
        "spec": spec,
    }


def bounded(campaign: Object, most: int) -> Object:
    """The same for so many people at most."""
    audience = {**campaign["spec"]["audience"], "maxRecipients": most}
    return {**campaign, "spec": {**campaign["spec"], "audience": audience}}


def named(campaign: Object, name: str, **spec: Any) -> Object:
    """The same under another name; each of `spec` is a field that differs."""
    return {**campaign, "metadata": {"name": name, "namespace": TEAM}, "spec": {**campaign["spec"], **spec}}


def builds(platform: Platform) -> list[Any]:
    """Requests for an audience that somebody would still carry out."""
    return platform.connection.execute("SELECT id FROM task WHERE kind = 'Build' AND finished_at IS NULL").fetchall()


def world(**overrides: Any) -> list[Object]:
    """The five manifests of a campaign that is due now; the campaign is the last."""
    due = datetime.now(UTC) - timedelta(hours=1)
    schedule = {"at": due.strftime("%Y-%m-%dT%H:%M:%S"), "timeZone": "UTC", **overrides.pop("schedule", {})}
    return manifests(small_campaign(schedule=schedule, **overrides))
