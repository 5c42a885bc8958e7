"""A stack's settings: every mistake is named before anything is made."""

from __future__ import annotations

import copy
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local.engine.recording import read_stack
from pydantic import ValidationError

from herold_infra.aws.addresses import MOST_ZONES, NetworkSettings, plan_subnets
from herold_infra.aws.settings import StackSettings
from herold_infra.configuration import read
from herold_infra.settings import SettingsRefused, explain


def broken(**changes: Any) -> dict[str, Any]:
    raw = copy.deepcopy(read_stack("aws-prod"))
    for path, value in changes.items():
        place: Any = raw
        *way, last = path.split("__")
        for key in way:
            place = place[int(key) if key.isdigit() else key]
        place[last] = value
    return raw


def test_all_mistakes_are_named_at_once_with_their_places() -> None:
    raw = broken(
        account="12", regions__0__network__cidr="8.8.0.0/16", regions__1__network__flow_log_days="400", colour="blue"
    )
    with pytest.raises(ValidationError) as refused:
        StackSettings.model_validate(raw)
    text = str(explain(refused.value, "Pulumi.aws-prod.yaml"))
    assert "4 mistake(s); nothing was made" in text
    for place in ("account", "regions.0.network.cidr", "regions.1.network.flow_log_days", "colour"):
        assert f"  {place}: " in text


def test_two_regions_with_one_range_are_refused_because_they_could_never_be_connected() -> None:
    with pytest.raises(ValidationError, match="never be connected"):
        StackSettings.model_validate(broken(regions__1__network__cidr="10.40.0.0/16"))


def test_exactly_one_region_is_active() -> None:
    with pytest.raises(ValidationError, match="exactly one must be active"):
        StackSettings.model_validate(broken(regions__1__role="active"))


@given(st.integers(0, 255), st.integers(2, MOST_ZONES))
def test_subnets_lie_in_the_network_never_overlap_and_never_move_when_a_zone_is_added(block: int, zones: int) -> None:
    def plan(count: int) -> list[IPv4Network]:
        settings = NetworkSettings(
            cidr=f"10.{block}.0.0/16", zones=tuple("abcdef"[:count]), nat_gateways="one", flow_log_days=400
        )
        return [IPv4Network(subnet.cidr) for subnet in plan_subnets(settings)]

    ranges = plan(zones)
    assert all(subnet.subnet_of(IPv4Network(f"10.{block}.0.0/16")) for subnet in ranges)
    assert not any(one.overlaps(other) for one in ranges for other in ranges if one is not other)
    assert ranges[: 3 * (zones - 1)] == plan(zones - 1) if zones > 2 else True


def test_all_mistakes_of_a_stack_inside_a_cluster_are_named_at_once_with_their_places() -> None:
    raw = copy.deepcopy(read_stack("local-test"))
    raw |= {"environment": "prod", "namespace": "Not_A_Name", "colour": "blue"}
    raw["images"]["redis"] = "localhost/redis:7"
    raw["postgres"] = {"members": 2}
    with pytest.raises(SettingsRefused) as refused:
        read(raw, "Pulumi.local-test.yaml")
    text = str(refused.value)
    assert "5 mistake(s); nothing was made" in text
    for place in ("environment", "namespace", "images.redis", "postgres.members", "colour"):
        assert f"  {place}: " in text


@pytest.mark.parametrize("raw", [None, [], {}, {"platform": "azure"}])
def test_a_stack_without_a_platform_that_there_is_is_refused(raw: object) -> None:
    with pytest.raises(SettingsRefused, match=r"nothing was made"):
        read(raw, "Pulumi.local-test.yaml")
