"""What must exist before a cluster can start: packages, components, images. Made once, kept in the cache."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from local.cluster import needs
from local.cluster.layout import CHECKOUT, Layout
from local.cluster.progress import Progress
from local.cluster.tools import (
    ARGO_CD,
    ARGO_CD_MODULE,
    DELIVERY_TOOLS,
    EXTERNAL_SECRETS,
    EXTERNAL_SECRETS_MODULE,
    METRICS_SERVER,
    NODE_TOOLS,
    TOOLS,
    Programs,
    Tool,
    build,
    folder_of,
    go_version,
    module_folder,
    programs,
)
from local.command import run
from local.images.archive import Image
from local.images.data import build_postgres, build_rabbitmq, build_redis
from local.images.delivery import build_argo_cd, build_git
from local.images.recipes import build_herold, build_single


def install_packages(progress: Progress) -> None:
    """Install Debian's packages that are missing. Their services are not started: ours run from our own folder."""
    packages = needs.missing_packages()
    if not packages or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    with progress.step(f"install {' '.join(packages)}"):
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        run(["apt-get", "update", "-q"], seconds=300, environ=environ)
        command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
        run(command, seconds=900, environ=environ)


def are_built(layout: Layout) -> bool:
    """Whether every component is in the cache."""
    version = go_version() if shutil.which("go") else "none"
    return all(folder_of(tool, layout.cache, version).exists() for tool in (*TOOLS, *DELIVERY_TOOLS))


def build_programs(layout: Layout, progress: Progress) -> Programs:
    """Build the components that the cache lacks, of those without which no node starts."""
    version = go_version()
    for tool in NODE_TOOLS:
        _build(tool, layout, version, progress)
    return programs(layout.cache, version)


def build_metrics_server(layout: Layout, progress: Progress) -> Image:
    """The image of the metrics-server, built if the cache lacks it."""
    version = go_version()
    _build(METRICS_SERVER, layout, version, progress)
    return build_single("metrics-server", programs(layout.cache, version).path("metrics-server"), layout.images)


@dataclass(frozen=True)
class Parts:
    """Of the delivery by Git: the folder of Argo CD's module, which has its manifests; its image, the Git server's."""

    module: Path
    argo_cd: Image
    git: Image


def build_delivery(layout: Layout, progress: Progress) -> Parts:
    """Argo CD and the Git server, built if the cache lacks them."""
    version = go_version()
    for tool in DELIVERY_TOOLS:
        _build(tool, layout, version, progress)
    fetch_kinds(layout, version)
    built = programs(layout.cache, version, DELIVERY_TOOLS)
    with progress.step("images of Argo CD and the Git server"):
        module = module_folder(ARGO_CD, ARGO_CD_MODULE)
        argo_cd = build_argo_cd(built.path("argocd"), built.path("kustomize"), module, layout.images)
        return Parts(module, argo_cd, build_git(CHECKOUT, layout.images))


def fetch_kinds(layout: Layout, version: str) -> None:
    """The kinds of External Secrets, into the cache, for tests of what Git holds for a cloud."""
    folder = folder_of(EXTERNAL_SECRETS, layout.cache, version)
    if folder.exists():
        return
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    bases = module_folder(EXTERNAL_SECRETS, EXTERNAL_SECRETS_MODULE) / "config" / "crds" / "bases"
    for name in ("externalsecrets", "secretstores"):
        shutil.copyfile(bases / f"external-secrets.io_{name}.yaml", partial / f"{name}.yaml")
    partial.rename(folder)


def build_layers(layout: Layout, progress: Progress) -> None:
    """The images of Herold and of what holds data, into the cache: work for network and disk, not for Go."""
    with progress.step("image herold"):
        build_herold_image(layout)
    with progress.step("images postgres, redis, rabbitmq"):
        build_data_images(layout)


def _build(tool: Tool, layout: Layout, version: str, progress: Progress) -> None:
    folder = folder_of(tool, layout.cache, version)
    if not folder.exists():
        with progress.step(f"build {tool.module} (once)"):
            build(tool, folder)


def build_node_images(layout: Layout, built: Programs) -> tuple[Image, Image]:
    """The images that the node itself needs: pause and CoreDNS."""
    return (
        build_single("pause", built.path("pause"), layout.images),
        build_single("coredns", built.path("coredns"), layout.images),
    )


def build_herold_image(layout: Layout) -> Image:
    """The image of Herold from this checkout."""
    return build_herold(CHECKOUT, layout.images)


def build_postgres_image(layout: Layout) -> Image:
    """The image of the platform's PostgreSQL."""
    return build_postgres(CHECKOUT, layout.images)


def build_data_images(layout: Layout) -> dict[str, Image]:
    """The images of the data services, by service."""
    builders = {"postgres": build_postgres, "redis": build_redis, "rabbitmq": build_rabbitmq}
    return {name: build_image(CHECKOUT, layout.images) for name, build_image in builders.items()}
