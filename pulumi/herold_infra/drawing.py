"""Secret texts that are drawn once: the state has them, encrypted, before anything is made with them."""

from __future__ import annotations

import pulumi
import pulumi_random as random

from herold_infra.component import Component

# Letters and digits: 190 bits, and nothing that a URL, a shell, a service or a configuration file would read otherwise.
LENGTH = 32


def draw(owner: Component, name: str) -> pulumi.Output[str]:
    """One of that name within the stack; its value is secret."""
    made = random.RandomPassword(name, length=LENGTH, special=False, opts=owner.kept())
    return pulumi.Output.secret(made.result)
