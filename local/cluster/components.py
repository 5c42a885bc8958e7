"""The command lines of the components, from a layout. https://kubernetes.io/docs/reference/command-line-tools-reference/"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from local.cluster.layout import CHECKOUT, NODE, NODE_ADDRESS, SERVICE_RANGE, Layout
from local.cluster.tools import Programs

ENFORCER = "local.cluster.enforcer"
ETCD_HEALTH = "http://127.0.0.1:2381/health"
# Loopback ports of the components, which must be free; those of the API and the kubelet are on the node's own address.
PORTS = (2379, 2380, 2381, 10248, 10249, 10256, 10257, 10259)


@dataclass(frozen=True)
class Component:
    """A process of the cluster: the name of its pid file and log, and its command line."""

    name: str
    argv: tuple[str, ...]


def build_components(layout: Layout, programs: Programs) -> dict[str, Component]:
    """All components by name, in the order in which they start."""
    made = (
        _etcd(layout, programs.path("etcd")),
        Component("containerd", ("containerd", "--config", f"{layout.config}/containerd.toml")),
        _apiserver(layout, programs.path("kube-apiserver")),
        _controller_manager(layout, programs.path("kube-controller-manager")),
        _scheduler(layout, programs.path("kube-scheduler")),
        _kubelet(layout, programs.path("kubelet")),
        Component(
            "kube-proxy", (str(programs.path("kube-proxy")), f"--config={layout.config}/kube-proxy.yaml", "--v=1")
        ),
    )
    return {component.name: component for component in (*made, _enforcer(layout))}


def _enforcer(layout: Layout) -> Component:
    # A program of this checkout: it needs the checkout's modules and this environment's Python.
    module = (sys.executable, "-m", ENFORCER, str(layout.pki))
    return Component("enforcer", ("/usr/bin/env", f"PYTHONPATH={CHECKOUT}", *module))


def _etcd(layout: Layout, program: Path) -> Component:
    client, peer = "https://127.0.0.1:2379", "https://127.0.0.1:2380"
    return Component(
        "etcd",
        (
            str(program),
            "--name=herold",
            f"--data-dir={layout.data}/etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=herold={peer}",
            f"--cert-file={layout.pki}/etcd.crt",
            f"--key-file={layout.pki}/etcd.key",
            "--client-cert-auth",
            f"--trusted-ca-file={layout.pki}/etcd-ca.crt",
            f"--peer-cert-file={layout.pki}/etcd.crt",
            f"--peer-key-file={layout.pki}/etcd.key",
            "--peer-client-cert-auth",
            f"--peer-trusted-ca-file={layout.pki}/etcd-ca.crt",
            "--listen-metrics-urls=http://127.0.0.1:2381",
        ),
    )


def _apiserver(layout: Layout, program: Path) -> Component:
    return Component(
        "kube-apiserver",
        (
            str(program),
            f"--advertise-address={NODE_ADDRESS}",
            f"--bind-address={NODE_ADDRESS}",
            "--secure-port=6443",
            "--etcd-servers=https://127.0.0.1:2379",
            f"--etcd-cafile={layout.pki}/etcd-ca.crt",
            f"--etcd-certfile={layout.pki}/apiserver-etcd.crt",
            f"--etcd-keyfile={layout.pki}/apiserver-etcd.key",
            f"--client-ca-file={layout.pki}/ca.crt",
            f"--tls-cert-file={layout.pki}/apiserver.crt",
            f"--tls-private-key-file={layout.pki}/apiserver.key",
            f"--cert-dir={layout.run}/apiserver-certs",
            f"--kubelet-certificate-authority={layout.pki}/ca.crt",
            f"--kubelet-client-certificate={layout.pki}/apiserver-kubelet.crt",
            f"--kubelet-client-key={layout.pki}/apiserver-kubelet.key",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={layout.pki}/sa.crt",
            f"--service-account-signing-key-file={layout.pki}/sa.key",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            "--authorization-mode=Node,RBAC",
            "--anonymous-auth=false",
            "--enable-admission-plugins=NodeRestriction",
            f"--requestheader-client-ca-file={layout.pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={layout.pki}/front-proxy.crt",
            f"--proxy-client-key-file={layout.pki}/front-proxy.key",
            "--allow-privileged=true",
            "--endpoint-reconciler-type=lease",
            "--shutdown-delay-duration=0s",
            # Tests compare what a workload asks for with what its role allows.
            f"--audit-policy-file={layout.config}/audit.yaml",
            f"--audit-log-path={layout.logs}/audit.json",
            "--audit-log-maxsize=100",
            "--audit-log-maxbackup=2",
        ),
    )


def _control_loop(layout: Layout, program: Path, serving: str) -> tuple[str, ...]:
    kubeconfig = f"{layout.pki}/{program.name}.kubeconfig"
    return (
        str(program),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--bind-address=127.0.0.1",
        f"--tls-cert-file={layout.pki}/{serving}.crt",
        f"--tls-private-key-file={layout.pki}/{serving}.key",
        f"--client-ca-file={layout.pki}/ca.crt",
        # One instance each: an election would only make a restart slower.
        "--leader-elect=false",
    )


def _controller_manager(layout: Layout, program: Path) -> Component:
    return Component(
        "kube-controller-manager",
        (
            *_control_loop(layout, program, "controller-manager-serving"),
            f"--requestheader-client-ca-file={layout.pki}/front-proxy-ca.crt",
            f"--root-ca-file={layout.pki}/ca.crt",
            f"--service-account-private-key-file={layout.pki}/sa.key",
            f"--cluster-signing-cert-file={layout.pki}/ca.crt",
            f"--cluster-signing-key-file={layout.pki}/ca.key",
            "--use-service-account-credentials=true",
            "--allocate-node-cidrs=false",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
            "--cluster-name=herold",
            # A claim that missed its volume by a moment is looked at again after this long; 15 s otherwise.
            "--pvclaimbinder-sync-period=1s",
        ),
    )


def _scheduler(layout: Layout, program: Path) -> Component:
    return Component("kube-scheduler", _control_loop(layout, program, "scheduler-serving"))


def _kubelet(layout: Layout, program: Path) -> Component:
    return Component(
        "kubelet",
        (
            str(program),
            f"--config={layout.config}/kubelet.yaml",
            f"--kubeconfig={layout.pki}/kubelet.kubeconfig",
            f"--root-dir={layout.data}/kubelet",
            f"--cert-dir={layout.run}/kubelet-certs",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
            "--v=1",
        ),
    )
