"""The rules that the API server admits resources by, judged offline from the same files (policies/admission)."""

from __future__ import annotations

from herold.policies.check import check_policies, environment_of
from herold.policies.judging import Denial, Request, denials, request_for
from herold.policies.reading import Policies, find_policies, read_policies

__all__ = [
    "Denial",
    "Policies",
    "Request",
    "check_policies",
    "denials",
    "environment_of",
    "find_policies",
    "read_policies",
    "request_for",
]
