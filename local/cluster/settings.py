"""The configuration files of containerd, its network, kubelet and kube-proxy: text from a layout."""

from __future__ import annotations

import json

from local.cluster.layout import (
    CGROUP,
    CNI_NETWORK,
    DNS_ADDRESS,
    NODE,
    NODE_ADDRESS,
    POD_BRIDGE,
    POD_RANGE,
    Layout,
)

PAUSE_IMAGE = "localhost/herold-pause:1"
# Who asked for what, without bodies: reads of leases and of the kubelet alone would be nine tenths of it.
AUDIT_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
"""


def build_settings(layout: Layout) -> dict[str, str]:
    """Every configuration file, by its path below `layout.config`."""
    return {
        "containerd.toml": build_containerd(layout),
        "cni/10-herold.conflist": build_network(layout),
        "kubelet.yaml": build_kubelet(layout),
        "kube-proxy.yaml": build_proxy(layout),
        # Pods ask CoreDNS alone, CoreDNS asks nobody: what runs here can't reach a name outside.
        "resolv.conf": "",
        "audit.yaml": AUDIT_POLICY,
    }


def build_containerd(layout: Layout) -> str:
    """containerd 1.6 with root, state and socket of its own, beside any other containerd of the machine.

    `restrict_oom_score_adj`: without CAP_SYS_RESOURCE a negative score is refused and no sandbox starts.
    """
    return f"""version = 2
root = "{layout.containerd}"
state = "{layout.run}/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
]
[grpc]
  address = "{layout.containerd_socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{layout.run}/runc"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{layout.config}/cni"
"""


def build_network(layout: Layout) -> str:
    """One bridge for all pods. No masquerading: pods reach each other, services and the node, and nothing outside."""
    return json.dumps(
        {
            "cniVersion": "1.0.0",
            "name": CNI_NETWORK,
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": POD_BRIDGE,
                    "isGateway": True,
                    "ipMasq": False,
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": f"{layout.data}/cni",
                        "ranges": [[{"subnet": POD_RANGE}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                }
            ],
        },
        indent=1,
    )


def build_kubelet(layout: Layout) -> str:
    """The kubelet: own cgroup root, own folders; never evicts because somebody else filled the machine's disk."""
    return f"""apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: {NODE_ADDRESS}
port: 10250
healthzBindAddress: 127.0.0.1
healthzPort: 10248
authentication:
  anonymous: {{enabled: false}}
  webhook: {{enabled: true}}
  x509: {{clientCAFile: {layout.pki}/ca.crt}}
authorization: {{mode: Webhook}}
tlsCertFile: {layout.pki}/kubelet-serving.crt
tlsPrivateKeyFile: {layout.pki}/kubelet-serving.key
oomScoreAdj: 0
cgroupDriver: cgroupfs
cgroupRoot: /{CGROUP}
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
protectKernelDefaults: false
containerRuntimeEndpoint: unix://{layout.containerd_socket}
clusterDNS: [{DNS_ADDRESS}]
clusterDomain: cluster.local
resolvConf: {layout.config}/resolv.conf
podLogsDir: {layout.data}/pod-logs
volumePluginDir: {layout.data}/volume-plugins
evictionHard: {{memory.available: 200Mi, nodefs.available: "1%", nodefs.inodesFree: "1%", imagefs.available: "1%"}}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
nodeStatusUpdateFrequency: 10s
"""


def build_proxy(layout: Layout) -> str:
    """kube-proxy by nftables: two tables that `down` can drop whole. Touches no conntrack sysctl."""
    return f"""apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
bindAddress: {NODE_ADDRESS}
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
clientConnection: {{kubeconfig: {layout.pki}/kube-proxy.kubeconfig}}
hostnameOverride: {NODE}
oomScoreAdj: 0
clusterCIDR: {POD_RANGE}
conntrack: {{maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}}
nodePortAddresses: ["{NODE_ADDRESS}/32"]
"""
