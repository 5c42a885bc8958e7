"""Policies among the checks of a catalogue: each resource as if it were applied anew."""

from __future__ import annotations

from itertools import pairwise
from pathlib import PurePath

from herold.errors import Mistake
from herold.policies.judging import Denial, denials, request_for
from herold.policies.reading import ENVIRONMENTS, Policies
from herold.resources.catalogue import Check
from herold.resources.declared import Declared
from herold.resources.meta import Key

_FOLDERS = ("campaigns", "approvals")


def environment_of(file: str, otherwise: str) -> str:
    """The environment that a file is for: gitops/campaigns/<environment>/…, gitops/approvals/<environment>/…"""
    parts = PurePath(file).parts
    for above, below in pairwise(parts):
        if above in _FOLDERS and below in ENVIRONMENTS:
            return below
    return otherwise


def check_policies(policies: Policies, environment: str) -> Check:
    """`environment` is that of files which don't lie in a folder of one."""

    def check(declared: Declared) -> list[Mistake]:
        return [
            mistake_of(denial, declared, key)
            for key, resource in declared.resources.items()
            for denial in denials(policies, environment_of(declared.place(key)[0], environment), request_for(resource))
        ]

    return check


def mistake_of(denial: Denial, declared: Declared, key: Key) -> Mistake:
    """A denial at its place in the file."""
    fix = denial.remedy[:1].lower() + denial.remedy[1:]
    return declared.mistake(key, denial.path, f"{denial.problem} (policy {denial.policy})", fix or None)
