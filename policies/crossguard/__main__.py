"""Served to the engine as a policy pack."""

from herold_policies.pack import build_pack

build_pack()
