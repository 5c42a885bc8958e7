"""What a stack's file says of a cluster."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from herold_infra.settings import Settings

Name = Annotated[str, Field(pattern="^[a-z][a-z0-9-]{1,30}$")]
NEEDED = {"vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent", "aws-ebs-csi-driver"}
RoleArn = Annotated[str, Field(pattern="^arn:aws:iam::[0-9]{12}:role/.+$")]


class NodeGroupSettings(Settings):
    """Nodes of one kind; they scale between `least` and `most`. `taint`: only pods that ask for it run there."""

    name: Name
    instance_types: tuple[str, ...] = Field(strict=False, min_length=1)
    capacity: Literal["ON_DEMAND", "SPOT"] = "ON_DEMAND"
    least: int = Field(ge=0)
    most: int = Field(ge=1, le=200)
    disk_gib: int = Field(ge=20, le=1000)
    taint: Name | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.least > self.most:
            raise ValueError(f"least {self.least} is more than most {self.most}")
        return self


class ClusterSettings(Settings):
    """A cluster. Versions are pinned: what runs changes with a commit, not with the day."""

    version: str = Field(pattern=r"^1\.[0-9]{2}$")
    addons: dict[str, Annotated[str, Field(pattern=r"^v[0-9.]+-eksbuild\.[0-9]+$")]]
    node_groups: tuple[NodeGroupSettings, ...] = Field(strict=False)
    # People come in by these roles, and by nothing else; the roles are made where people are, not here.
    administrators: tuple[RoleArn, ...] = Field(strict=False)
    viewers: tuple[RoleArn, ...] = Field(strict=False)
    service_cidr: str = Field(pattern=r"^172\.(1[6-9]|2[0-9]|3[01])\.0\.0/16$")
    log_days: int = Field(ge=1, le=3653)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = NEEDED - set(self.addons)
        if missing:
            raise ValueError(f"addons: without {', '.join(sorted(missing))} no pod of ours can run")
        names = [group.name for group in self.node_groups]
        if len(set(names)) != len(names):
            raise ValueError("node_groups: a name stands twice")
        if not any(group.taint is None and group.most for group in self.node_groups):
            raise ValueError("node_groups: one at least must be open to all pods")
        return self
