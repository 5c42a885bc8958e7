"""What `pulumi up` stands on, on the local cluster: images, folders for volumes, Argo CD's manifests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.cluster import build, images
from local.cluster.argocd import write_manifests
from local.cluster.gitserver import Tokens
from local.cluster.kubectl import Kubectl
from local.cluster.layout import Layout
from local.cluster.progress import Progress
from local.cluster.volumes import make_volume
from local.engine.local import SERVICES, VOLUMES, apply
from local.engine.session import Judged


@dataclass(frozen=True)
class Foundation:
    """What `pulumi up` stands on: what was built and brought in; the Git server's tokens; images of data by name."""

    parts: build.Parts
    tokens: Tokens
    data: Mapping[str, str]
    members: int

    def stack(self, layout: Layout, kubectl: Kubectl, progress: Progress) -> Judged:
        """`pulumi up` of `local-test`. Raises NotApplied."""
        manifests = layout.config / "argo-cd.json"
        write_manifests(kubectl, self.parts.module, self.parts.argo_cd.by_digest, manifests)
        over: dict[str, Any] = {service: {"members": self.members} for service in SERVICES}
        over["argo_cd"] = {"manifests": str(manifests)}
        return apply(layout, layout.kubeconfig, self.data, progress, over)


def bring_in_data(layout: Layout) -> dict[str, str]:
    """The images of what holds data, each by its digest, and a folder for each volume."""
    data = build.build_data_images(layout)
    for image in data.values():
        images.bring_in(layout, image, also_named=(image.by_digest,))
    for name in VOLUMES:
        make_volume(layout.volumes / name)
    return {name: image.by_digest for name, image in data.items()}
