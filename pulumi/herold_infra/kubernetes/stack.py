"""A stack inside a Kubernetes cluster: the namespace of what holds data, and what stands in it."""

from __future__ import annotations

import pulumi
import pulumi_kubernetes as kubernetes

from herold_infra.kubernetes.component import Place
from herold_infra.kubernetes.data_namespace import DataNamespace, DataNamespaceArgs
from herold_infra.kubernetes.settings import StackSettings


class Stack:
    """Declares all resources of a stack."""

    def __init__(self, settings: StackSettings) -> None:
        # The context is written down, so that a kubeconfig of another cluster changes nothing there.
        provider = kubernetes.Provider("kubernetes", context=settings.context)
        opts = pulumi.ResourceOptions(providers={"kubernetes": provider})
        place = Place(settings.environment, settings.namespace)
        DataNamespace(DataNamespaceArgs(place), opts)
