"""The base of the components."""

from __future__ import annotations

import pulumi


class Component(pulumi.ComponentResource):
    """A group of resources with typed outputs. Its last statement registers them, so that it is done when they are."""

    platform = "aws"

    def __init__(self, kind: str, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(f"herold:{self.platform}:{kind}", name, None, opts)

    def inside(self, *, after: list[pulumi.Resource] | None = None) -> pulumi.ResourceOptions:
        """Options of a resource that can be made again from its declaration."""
        return pulumi.ResourceOptions(parent=self, depends_on=after)

    def kept(
        self, *, after: list[pulumi.Resource] | None = None, ignore: list[str] | None = None
    ) -> pulumi.ResourceOptions:
        """Options of a resource whose content can't be made again: `pulumi destroy` and replacements refuse it.

        `ignore`: properties that something else changes on purpose (a rotation, an autoscaler).
        """
        return pulumi.ResourceOptions(parent=self, protect=True, depends_on=after, ignore_changes=ignore)
