"""Fixtures of the policies' tests."""

from __future__ import annotations

import pytest

from parts.kubernetes import ApiServer, api_server
from policies.cluster import Cluster

__all__ = ["api_server", "cluster"]


@pytest.fixture(scope="session")
def cluster(api_server: ApiServer) -> Cluster:
    """One for all tests, which leave it as they found it, but for the parameters in force."""
    made = Cluster(api_server)
    made.prepare()
    return made
