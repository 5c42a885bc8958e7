"""A small program of Pulumi's for tests: a namespace, and in it what its settings say."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

stack = pulumi.Config().require_object("stack")
namespace = stack["namespace"]
cluster = kubernetes.Provider("kubernetes", context=stack["context"])
place = kubernetes.core.v1.Namespace(
    "place",
    metadata={"name": namespace, "labels": {"of": "test"}},
    opts=pulumi.ResourceOptions(provider=cluster),
)


def inside(**options: Any) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(provider=cluster, depends_on=[place], **options)


def metadata(name: str, **annotations: str) -> Any:
    return {"name": name, "namespace": namespace, "annotations": annotations}


def workload(name: str, replicas: int, **more: Any) -> Any:
    container = {
        "name": name,
        "image": stack["image"],
        # As the API server writes neither of them.
        "resources": {"requests": {"cpu": "1000m", "memory": "1024Mi"}},
    }
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    return {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template, **more}


if stack.get("setting"):
    kubernetes.core.v1.ConfigMap("setting", metadata=metadata("setting"), data=stack["setting"], opts=inside())
if stack.get("secret"):
    kubernetes.core.v1.Secret("secret", metadata=metadata("secret"), string_data=stack["secret"], opts=inside())
if stack.get("affinity"):
    # There is no such one, and the API server's answer repeats it.
    wrong: Any = {"ports": [{"port": 1}], "sessionAffinity": pulumi.Output.secret(stack["affinity"])}
    kubernetes.core.v1.Service("wrong", metadata=metadata("wrong"), spec=wrong, opts=inside())
if "deployment" in stack:
    kubernetes.apps.v1.Deployment(
        "deployment",
        metadata=metadata("deployment"),
        spec=workload("deployment", stack["deployment"]),
        opts=inside(custom_timeouts=pulumi.CustomTimeouts(update="3s")),
    )
if "set" in stack:
    kubernetes.apps.v1.StatefulSet(
        "set",
        metadata=metadata("set", **({"pulumi.com/skipAwait": "true"} if stack.get("skip") else {})),
        spec=workload("set", stack["set"], serviceName=stack.get("service", "set")),
        opts=inside(protect=stack.get("protect", False)),
    )
