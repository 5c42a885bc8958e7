"""The API server and this program judge alike: everything that is nearly one of the cases, in the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings

from herold.policies import Policies
from policies.cases import FOLDER, RULES, Object, offline, policies, request
from policies.cluster import Cluster
from policies.mutations import OLD, manifests


def parameters(environment: str, **more: str) -> Mapping[str, Any]:
    """Those of an environment, with exceptions in force."""
    given_ = policies().parameters[environment]
    exceptions = {
        "max-recipients.campaigns-shop.excepted": "2000000",
        "quiet-hours.campaigns-orders.excepted": "an outage",
        "allow.own": "own.dev",
        "owner.team": "on call",
    }
    return {**given_, "data": {**given_["data"], **exceptions, **more}}


VARIANTS = {
    "test": parameters("test"),
    "staging": parameters("staging"),
    "prod": parameters("prod"),
    "prod-quiet-by-day": parameters("prod", **{"quiet-from": "12:00", "quiet-to": "14:00", "max-recipients": "900000"}),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_api_server_and_validate_say_the_same(cluster: Cluster, variant: str) -> None:
    own = Policies(FOLDER, policies().policies, {variant: VARIANTS[variant]})
    cluster.use(VARIANTS[variant])
    seen: Counter[str] = Counter()

    # One server for all examples, which change nothing in it.
    @seed(1)
    @settings(max_examples=400, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(manifests())
    def agree(manifest: Object) -> None:
        metadata = manifest["metadata"]
        old = OLD.get((manifest["kind"], metadata["namespace"], metadata["name"]))
        if manifest["kind"] == "ConfigMap" and metadata["namespace"] == "herold-platform":
            old = dict(VARIANTS[variant])
        assert request(manifest, old) is not None, f"its shape is wrong: {manifest}"
        here, there = offline(manifest, variant, old, own), cluster.says(manifest)
        assert (there is None) == (not here), f"there: {there}, here: {here}"
        assert there is None or there in here
        assert not any("evaluated" in each or "resulted in error" in each for each in (*here, there or ""))
        seen.update({each.partition(":")[0] for each in here} or {"admitted"})

    agree()
    assert seen["admitted"] > 20
    if variant in ("test", "prod"):
        # A test of agreement that never disagrees with a rule would say nothing about it.
        only_prod = {"known-owner", "quiet-hours", "transactional-mail", "unsubscribe-url", "image-digest"}
        silent = only_prod if variant == "test" else {"allow-list"}
        assert {f"herold-{rule}" for rule in set(RULES) - silent} <= set(seen), seen
