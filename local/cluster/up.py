"""Bring the cluster up: each step looks first whether it is done, so an aborted `up` goes on where it was."""

from __future__ import annotations

import datetime as dt
import json
import os
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from local.cluster import build, host, images, needs, traces
from local.cluster.components import ETCD_HEALTH, Component, build_components
from local.cluster.database import OWN
from local.cluster.delivery import deliver, give_access, start_git
from local.cluster.dns import resolves
from local.cluster.foundation import Foundation, bring_in_data
from local.cluster.herold import build_crds, build_own_namespaces, finish_herold, prepare_herold
from local.cluster.kubeconfig import build_kubeconfig
from local.cluster.kubectl import Kubectl
from local.cluster.layout import CONTEXT, DNS_ADDRESS, NODE, Layout
from local.cluster.ours import Item, to_list
from local.cluster.pki import KUBECONFIGS, Pair, issue
from local.cluster.platform import (
    HEROLD_IMAGE,
    PATIENCE,
    await_platform,
    build_manifest,
    build_metrics,
    build_relay,
    install_relay,
)
from local.cluster.process import find, start
from local.cluster.progress import Progress, wait_until
from local.cluster.secret import build_secret
from local.cluster.settings import PAUSE_IMAGE, build_settings
from local.cluster.tools import Programs
from local.cluster.volumes import make_volume
from local.engine.local import folder_of
from local.engine.session import Judged
from local.engine.tools import build_engine
from local.images.archive import Image

from herold.errors import Temporary

API_NAME = "kubernetes.default.svc.cluster.local"


def check_needs(layout: Layout) -> None:
    """Raises Lacking with everything that this machine lacks."""
    running = any(find(layout, name) for name in traces.NAMES)
    lacks = needs.find_lacks(layout, built=build.are_built(layout), fresh=not running)
    if lacks:
        raise needs.Lacking(lacks)


def bring_up(layout: Layout, progress: Progress, *, bare: bool, members: int = 1) -> None:
    """From nothing to an operator that works. What the node does not need to start is made while it starts.

    `bare`: from nothing to a Kubernetes with metrics. `members`: of each service that holds data.
    """
    with ThreadPoolExecutor(max_workers=2) as aside:
        layers = aside.submit(build.build_layers, layout, progress)
        programs = build.build_programs(layout, progress)
        meters = aside.submit(build.build_metrics_server, layout, progress)
        parts = None if bare else aside.submit(build.build_delivery, layout, progress)
        kubectl = start_node(layout, programs, progress, kinds=[] if bare else build_crds())
        if parts:
            engine = aside.submit(build_engine, progress)
            # Beside PostgreSQL and its images: each waits for the disk as much as for a processor.
            git = aside.submit(start_git, layout, kubectl, parts.result(), progress)
        layers.result()
        if parts:
            with progress.step("images of what holds data are brought in"):
                data = bring_in_data(layout)
            engine.result()
            start_platform(layout, kubectl, Foundation(parts.result(), git.result(), data, members), progress)
        else:
            await_names(layout, progress)
        start_metrics(layout, kubectl, meters.result())


def start_node(layout: Layout, programs: Programs, progress: Progress, *, kinds: Sequence[Item] = ()) -> Kubectl:
    """From nothing to a node that is Ready, and a name server that is about to answer.

    `kinds` are there before the controllers: these look half a minute later what else there is, and a quota that was
    made in between counts the new kind only after five minutes, and lets nobody make one until then.
    """
    began = dt.datetime.now(dt.UTC)
    with progress.step("machine: sysctls, bridge, control groups"):
        _prepare_host(layout)
    with progress.step("certificates and configuration"):
        write_pki(layout, began)
        _write_settings(layout)
    components = build_components(layout, programs)
    kubectl = Kubectl(str(programs.path("kubectl")), layout.kubeconfig, CONTEXT)
    pause, coredns = build.build_node_images(layout, programs)

    new = not (layout.data / "etcd").exists()
    with progress.step("etcd and containerd answer"):
        start(layout, components["etcd"])
        start(layout, components["containerd"])
        _await(layout, components["etcd"], _etcd_healthy)
        _await(layout, components["containerd"], lambda: images.answers(layout))
    if new:
        images.forget_containers(layout)
    with progress.step("API server is ready"):
        start(layout, components["kube-apiserver"])
        # The kubelet needs it before its first pod, and the API server takes a moment.
        images.bring_in(layout, pause, also_named=(PAUSE_IMAGE,))
        images.bring_in(layout, coredns)
        _await(layout, components["kube-apiserver"], kubectl.ready)
    kubectl.apply(build_manifest("node", {}))
    if kinds:
        # Argo CD's to keep, from here on.
        kubectl.apply(to_list(kinds))
        wait_until("the kinds are served", lambda: _are_served(kubectl, kinds), seconds=PATIENCE)
    start(layout, components["enforcer"])
    with progress.step("node is Ready"):
        for name in ("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"):
            start(layout, components[name])
        # After a restart with kept data etcd still says Ready from the last time: a heartbeat of now is asked for.
        _await(layout, components["kubelet"], lambda: _node_ready_since(kubectl, began))
    # Its pod starts while images come in; `start_platform` waits for it.
    kubectl.apply(build_manifest("coredns", {"coredns": coredns.reference}))
    return kubectl


def await_names(layout: Layout, progress: Progress) -> None:
    """Until CoreDNS answers."""
    with progress.step("names resolve"):
        wait_until("CoreDNS answers", lambda: _names_resolve(layout), seconds=PATIENCE)


def start_platform(layout: Layout, kubectl: Kubectl, foundation: Foundation, progress: Progress) -> None:
    """By `pulumi up` what holds data, and Argo CD; a relay that keeps everything; by Git Herold, until it works."""
    with ThreadPoolExecutor(max_workers=2) as beside:
        new = not folder_of(layout).exists()
        stack = beside.submit(foundation.stack, layout, kubectl, progress)
        access = beside.submit(give_access, layout, kubectl, foundation.tokens, goes_on=lambda: _raise_of(stack))
        with progress.step("image of Herold is brought in"):
            herold = build.build_herold_image(layout)
            images.bring_in(layout, herold, also_named=(HEROLD_IMAGE, herold.by_digest))
        make_volume(layout.volumes / "sink")
        kubectl.apply(build_manifest("volumes", {}, volumes=layout.volumes))
        relay = Pair((layout.pki / "relay.crt").read_bytes(), (layout.pki / "relay.key").read_bytes())
        install_relay(kubectl, build_relay(herold.reference), relay)
        await_names(layout, progress)
        with progress.step("PostgreSQL and the relay answer"):
            if not new:
                # Members may roll, and while one hands over to another nobody takes logins.
                stack.result()
            # Of a new one only PostgreSQL is waited for: nothing of Herold's asks the others yet.
            await_platform(kubectl, OWN, goes_on=lambda: _raise_of(stack))
        authority = (layout.pki / "ca.crt").read_text()
        logins = prepare_herold(kubectl, build_own_namespaces(), authority, OWN, progress)
        access.result()
        deliver(layout, kubectl, herold, progress)
        with progress.step("all of the stack is as it is declared"):
            stack.result()
        finish_herold(kubectl, logins, OWN, progress)


def _are_served(kubectl: Kubectl, kinds: Iterable[Item]) -> bool:
    found = (kubectl.get("crd") or {}).get("items", ())
    served = {
        crd["metadata"]["name"]
        for crd in found
        for each in crd.get("status", {}).get("conditions") or ()
        if each["type"] == "Established" and each["status"] == "True"
    }
    return {kind["metadata"]["name"] for kind in kinds} <= served


def _raise_of(work: Future[Judged]) -> None:
    if work.done():
        work.result()


def start_metrics(layout: Layout, kubectl: Kubectl, image: Image) -> None:
    """What `kubectl top` asks. Its first figures come half a minute later, and nobody waits for them."""
    images.bring_in(layout, image)
    certificate, key = ((layout.pki / f"metrics-server.{kind}").read_text() for kind in ("crt", "key"))
    secret = build_secret(
        "kube-system", "metrics-server-tls", {"tls.crt": certificate, "tls.key": key}, kind="kubernetes.io/tls"
    )
    authority = (layout.pki / "ca.crt").read_text()
    kubectl.apply(json.dumps(secret))
    kubectl.apply(build_metrics(image.reference, authority))


def _prepare_host(layout: Layout) -> None:
    before = traces.take(layout)
    for folder in (layout.run, layout.logs, layout.config, layout.data):
        folder.mkdir(parents=True, exist_ok=True)
    layout.run.chmod(0o700)
    file = traces.file_of(layout)
    if not file.exists():
        file.write_text(traces.to_json(before))
    host.save_sysctls(layout.run / "sysctls.json")
    host.set_sysctls(host.WANTED)
    host.add_bridge()
    host.add_cgroups()


def write_pki(layout: Layout, now: dt.datetime) -> None:
    """Issue what is missing; what is there stays."""
    done = layout.pki / "issued"
    known = _read_pki(layout) if done.exists() else {}
    pairs = issue(now, known)
    if pairs != known:
        layout.pki.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in pairs.keys() - known.keys():
            # The key is the last: who looks for what is missing looks for keys.
            _write_secret(layout.pki / f"{name}.crt", pairs[name].certificate)
            _write_secret(layout.pki / f"{name}.key", pairs[name].key)
        for client in KUBECONFIGS:
            text = build_kubeconfig(client, pairs[client], pairs["ca"].certificate)
            _write_secret(layout.pki / f"{client}.kubeconfig", text.encode())
        done.touch()
    _write_secret(layout.kubeconfig, (layout.pki / "admin.kubeconfig").read_bytes())


def _read_pki(layout: Layout) -> dict[str, Pair]:
    keys = {file.stem: file for file in layout.pki.glob("*.key")}
    return {name: Pair(key.with_suffix(".crt").read_bytes(), key.read_bytes()) for name, key in keys.items()}


def _write_secret(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(content)


def _write_settings(layout: Layout) -> None:
    # kube-proxy ends when its file is written, and containerd reads half of one: only what differs, and at once.
    for name, text in build_settings(layout).items():
        file = layout.config / name
        if file.exists() and file.read_text() == text:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = layout.run / "settings.partial"
        partial.write_text(text)
        partial.rename(file)


def _await(layout: Layout, component: Component, condition: Callable[[], bool]) -> None:
    log = layout.logs / f"{component.name}.log"

    def holds() -> bool:
        _check_alive(layout, component.name)
        return condition()

    wait_until(component.name, holds, seconds=PATIENCE, hint=f"see {log}")


def _check_alive(layout: Layout, name: str) -> None:
    if find(layout, name) is None:
        log = layout.logs / f"{name}.log"
        last = "\n".join(log.read_text(errors="replace").splitlines()[-8:])
        raise Temporary(f"{name} has ended; its last words:\n{last}", hint=f"all of them: {log}")


def _names_resolve(layout: Layout) -> bool:
    # What has ended meanwhile is a better answer than a deadline.
    for name in traces.NAMES:
        _check_alive(layout, name)
    return resolves(DNS_ADDRESS, API_NAME)


def _etcd_healthy() -> bool:
    try:
        with urllib.request.urlopen(ETCD_HEALTH, timeout=2) as answer:  # noqa: S310 -- a constant address of loopback
            return bool(answer.status == 200)
    except OSError:
        return False


def _node_ready_since(kubectl: Kubectl, moment: dt.datetime) -> bool:
    node = kubectl.get("node", NODE)
    for condition in node["status"].get("conditions", ()) if node else ():
        if condition["type"] == "Ready" and condition["status"] == "True":
            return dt.datetime.fromisoformat(condition["lastHeartbeatTime"]) >= moment.replace(microsecond=0)
    return False
