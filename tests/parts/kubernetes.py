"""A real API server for tests: etcd and kube-apiserver as processes on loopback, with Herold's kinds and nothing else.

No kubelet and no controllers run: a Deployment is a wish there. The programs are those of the local cluster (`make up`
builds them once); without them the tests that need them are skipped.
"""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from herold.resources import KINDS
from parts.kept_connections import KeptConnections

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0
ADMIN = "admin"
SERVICE_ACCOUNT = "system:serviceaccount:herold-platform:herold-operator"
READER_ACCOUNT = "system:serviceaccount:herold-platform:herold-reader"
AUDIT_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  users: [%s]
- level: None
"""
T = TypeVar("T")


def programs() -> dict[str, Path] | None:
    """etcd, kube-apiserver and kubectl, from HEROLD_TEST_KUBERNETES (a folder) or the cache of the local cluster."""
    told = os.environ.get("HEROLD_TEST_KUBERNETES")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "herold" / "tools"
    built = [folder for folder in cache.glob("*") if folder.suffix != ".partial"]
    folders = [Path(told)] if told else sorted(built, key=lambda folder: folder.stat().st_mtime, reverse=True)
    found = {}
    for name in ("etcd", "kube-apiserver", "kubectl"):
        place = next((folder / name for folder in folders if (folder / name).is_file()), None)
        if place is None:
            return None
        found[name] = place
    return found


def kinds_of(module: str) -> list[dict[str, Any]]:
    """Kinds of somebody else's that `make up` fetched. Skips where they were not."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "herold" / "tools"
    folders = sorted(folder for folder in cache.glob(f"{module}-*") if folder.suffix != ".partial")
    if not folders:
        pytest.skip(f"the kinds of {module} are not here: make up")
    return [yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(folders[-1].glob("*.yaml"))]


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: str, ask: Callable[[], T | None], seconds: float = 30.0, every: float = 0.05) -> T:
    """Ask until the answer is true (or not empty). Raises AssertionError that names what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(every)


class Answer(Exception):
    """The API server said no."""

    def __init__(self, code: int, body: str) -> None:
        super().__init__(f"{code}: {body[:2000]}")
        self.code = code
        self.body = body


@dataclass
class ApiServer:
    """A running API server. Each user has a token; `admin` may do everything."""

    port: int
    folder: Path
    tools: dict[str, Path]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    commands: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connections = KeptConnections(self.port, self.authority)

    @property
    def authority(self) -> Path:
        """Its own certificate, which signs itself."""
        return self.folder / "certs" / "apiserver.crt"

    def kubeconfig(
        self,
        user: str = ADMIN,
        port: int | None = None,
        *,
        credentials: dict[str, Any] | None = None,
        namespace: str = "default",
    ) -> Path:
        """A kubeconfig of that user, with a token unless other `credentials` are given; `port` is that of a
        proxy, which speaks plain HTTP."""
        server = f"http://127.0.0.1:{port}" if port else f"https://127.0.0.1:{self.port}"
        path = self.folder / f"{user.rpartition(':')[2]}-{port or self.port}.kubeconfig"
        cluster = {"server": server, "certificate-authority": str(self.authority)}
        context = {"cluster": "test", "user": user, "namespace": namespace}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": user, "user": credentials or {"token": token_of(user)}}],
            "contexts": [{"name": "test", "context": context}],
        }
        path.write_text(json.dumps(content))
        return path

    def certificate_of(self, user: str) -> dict[str, str]:
        """Credentials of somebody who has a client certificate and no token, as kind and k3d make them."""
        authority = x509.load_pem_x509_certificate((self.folder / "clients.crt").read_bytes())
        signer = serialization.load_pem_private_key((self.folder / "clients.key").read_bytes(), None)
        assert isinstance(signer, ec.EllipticCurvePrivateKey)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, secret = self.folder / f"{user}.crt", self.folder / f"{user}.key"
        certificate.write_bytes(
            _certificate(user, key.public_key(), authority.subject, signer).public_bytes(serialization.Encoding.PEM)
        )
        secret.write_bytes(_pem_of(key))
        return {"client-certificate": str(certificate), "client-key": str(secret)}

    def token_of(self, namespace: str, account: str, *, audience: str | None = None, seconds: int = 3600) -> str:
        """A token of a service account, for the API server unless for another audience."""
        spec = {"expirationSeconds": seconds, **({"audiences": [audience]} if audience else {})}
        made = self.ask(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec},
        )
        return str(made["status"]["token"])

    def ask(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json", user: str = ADMIN
    ) -> Any:
        """One request. Raises Answer for a status of 400 and above."""
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        headers = {"Authorization": f"Bearer {token_of(user)}", "Content-Type": kind}
        status, text = self.connections.ask(method, path, content, headers)
        if status >= 400:
            raise Answer(status, text.decode())
        return json.loads(text) if text[:1] in (b"{", b"[") else text.decode()

    def apply(self, manifest: dict[str, Any], *, user: str = ADMIN, dry_run: bool = False) -> Any:
        """Server-side apply, as `kubectl apply --server-side` and Argo CD do it."""
        return self.ask(
            "PATCH",
            f"{path_of(manifest)}?fieldManager=tests&force=true&fieldValidation=Strict{'&dryRun=All' * dry_run}",
            manifest,
            kind="application/apply-patch+yaml",
            user=user,
        )

    def merge(self, manifest: dict[str, Any], change: dict[str, Any], *, dry_run: bool = False) -> Any:
        """A merge patch of one object."""
        path = f"{path_of(manifest)}{'?dryRun=All' * dry_run}"
        return self.ask("PATCH", path, change, kind="application/merge-patch+json")

    def get(self, manifest: dict[str, Any]) -> Any:
        """The object as it is now."""
        return self.ask("GET", path_of(manifest))

    def delete(self, manifest: dict[str, Any]) -> None:
        """Delete it."""
        self.ask("DELETE", path_of(manifest))

    def kubectl(self, *arguments: str) -> str:
        """What kubectl prints."""
        command = [str(self.tools["kubectl"]), f"--kubeconfig={self.kubeconfig()}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    def requests(self, since: float = 0.0, user: str = SERVICE_ACCOUNT) -> list[dict[str, Any]]:
        """What an account of Herold's asked for, from the audit log; `since` is a length of the log."""
        with (self.folder / "audit.log").open("rb") as log:
            log.seek(int(since))
            lines = [json.loads(line) for line in log.read().splitlines(keepends=True) if line.endswith(b"\n")]
        return [line for line in lines if line["user"]["username"] == user]

    def audited(self) -> float:
        """Length of the audit log now."""
        path = self.folder / "audit.log"
        return path.stat().st_size if path.exists() else 0

    def start(self, name: str) -> None:
        """Start a component (again)."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.commands[name], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def stop(self, name: str) -> None:
        """Stop a component. An API server that is asked would go on serving watches for half a minute: it is killed."""
        self.connections.close()
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL if name == "kube-apiserver" else signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait_ready(self) -> None:
        """Until it answers."""

        def ready() -> bool:
            for name, process in self.processes.items():
                if process.poll() is not None:
                    raise AssertionError(f"{name} ended: {(self.folder / f'{name}.log').read_text()[-2000:]}")
            with contextlib.suppress(Answer, OSError):
                return bool(self.ask("GET", "/readyz") == "ok")
            return False

        wait_for("the API server", ready, START_SECONDS, every=0.1)


def path_of(manifest: dict[str, Any]) -> str:
    """The path of an object."""
    group = manifest["apiVersion"]
    metadata, kind = manifest["metadata"], manifest["kind"]
    plural = KINDS[kind].plural if kind in KINDS else re.sub("y$", "ie", kind.lower()) + "s"
    root = "/api/v1" if group == "v1" else f"/apis/{group}"
    where = f"/namespaces/{metadata['namespace']}" if metadata.get("namespace") else ""
    return f"{root}{where}/{plural}/{metadata['name']}"


def token_of(user: str) -> str:
    """The token of a user."""
    return f"token-of-{user.replace(':', '-')}"


def _commands(folder: Path, port: int, tools: dict[str, Path]) -> dict[str, list[str]]:
    client, peer = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    return {
        "etcd": [
            str(tools["etcd"]),
            f"--data-dir={folder}/etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        ],
        "kube-apiserver": [
            str(tools["kube-apiserver"]),
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={port}",
            f"--etcd-servers={client}",
            f"--cert-dir={folder}/certs",
            f"--token-auth-file={folder}/tokens.csv",
            f"--client-ca-file={folder}/clients.crt",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder}/sa.key",
            f"--service-account-signing-key-file={folder}/sa.key",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--endpoint-reconciler-type=none",
            "--shutdown-delay-duration=0s",
            "--disable-admission-plugins=ServiceAccount",
            "--allow-privileged=true",  # as most clusters: what our own pods may is for policies to say
            f"--audit-policy-file={folder}/audit.yaml",
            f"--audit-log-path={folder}/audit.log",
            "--audit-log-mode=blocking",
        ],
    }


def _write_files(folder: Path) -> None:
    (folder / "sa.key").write_bytes(_pem_of(rsa.generate_private_key(65537, 2048)))
    tokens = io.StringIO()
    groups = "system:serviceaccounts,system:serviceaccounts:herold-platform"
    csv.writer(tokens).writerows(
        [
            [token_of(ADMIN), ADMIN, "1", "system:masters"],
            [token_of(SERVICE_ACCOUNT), SERVICE_ACCOUNT, "2", groups],
            [token_of(READER_ACCOUNT), READER_ACCOUNT, "3", groups],
        ]
    )
    (folder / "tokens.csv").write_text(tokens.getvalue())
    (folder / "audit.yaml").write_text(AUDIT_POLICY % f'"{SERVICE_ACCOUNT}", "{READER_ACCOUNT}"')
    signer = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("clients", signer.public_key(), _subject("clients"), signer)
    (folder / "clients.crt").write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    (folder / "clients.key").write_bytes(_pem_of(signer))


def _certificate(
    name: str, key: ec.EllipticCurvePublicKey, issuer: x509.Name, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    """For a day. Who signs itself is an authority."""
    now = datetime.datetime.now(datetime.UTC)
    subject = _subject(name)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@contextmanager
def api_server_in(folder: Path) -> Iterator[ApiServer]:
    """An API server that knows Herold's kinds; it ends with the block. Skips where the programs are not built."""
    tools = programs()
    if tools is None:
        pytest.skip("etcd and kube-apiserver are not built: make up")
    folder.mkdir(parents=True, exist_ok=True)
    _write_files(folder)
    port = free_port()
    server = ApiServer(port, folder, tools, commands=_commands(folder, port, tools))
    try:
        server.start("etcd")
        server.start("kube-apiserver")
        server.wait_ready()
        for file in sorted((ROOT / "operator" / "crds").glob("*.yaml")):
            server.apply(yaml.safe_load(file.read_text()))
        wait_for("Herold's kinds", lambda: served(server))
        yield server
    finally:
        for name in reversed(list(server.processes)):
            server.stop(name)
        server.connections.close()


def served(server: ApiServer) -> bool:
    """Whether the API server answers for all of Herold's kinds."""
    try:
        return all(server.ask("GET", f"/apis/herold.dev/v1alpha1/{kind.plural}?limit=1") for kind in KINDS.values())
    except Answer:
        return False


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """One API server for all tests of this process; each makes namespaces of its own."""
    with api_server_in(tmp_path_factory.mktemp("kubernetes")) as server:
        yield server
