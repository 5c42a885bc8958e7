"""The read service may do what it does, and nothing else; and the way to it leads through the API server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from controller.platform import TEAM, Platform, world
from herold_reader.protocol import ANSWER_HEADER, RIGHTS, TOKEN_HEADER, Ask, proxy_path
from parts.campaigns import small_campaign
from parts.kubernetes import READER_ACCOUNT, ROOT, Answer
from reader.service import Reader, Told, begin, lead_to, outside_address, request

DEPLOY = ROOT / "operator" / "deploy"


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


def test_the_role_allows_what_is_asked_for_and_nothing_else(platform: Platform, reader: Reader) -> None:
    before = platform.api.audited()
    campaign = world()[-1]
    platform.apply(*world())
    platform.api.merge(campaign, {"metadata": {"annotations": {"herold.dev/hold": "enough"}}})
    begin(platform, small_campaign())
    for ask in (Ask.PLAN, Ask.REPORT):
        assert reader.ask(ask, who="vera").status == 200
    assert reader.ask(Ask.HOLD, who="vera", body={}).status == 200
    assert reader.ask(Ask.DELIVERIES, who="otto").status == 200
    assert reader.ask(Ask.EXPLAIN, who="otto", body={"contactId": 1}).status == 200
    requests = platform.api.requests(before, READER_ACCOUNT)
    assert [each["requestURI"] for each in requests if each["responseStatus"]["code"] in (401, 403)] == []
    asked = {(each["verb"], each["objectRef"].get("apiGroup", ""), each["objectRef"]["resource"]) for each in requests}
    (role,) = [
        each
        for each in documents("reader.yaml")
        if each["kind"] == "ClusterRole" and each["metadata"]["name"] == "herold-reader"
    ]
    allowed = {
        (verb, group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert asked == allowed


def test_every_right_that_the_service_asks_for_is_in_a_role_of_people() -> None:
    given = {
        (verb, resource)
        for role in documents("campaign-roles.yaml")
        for rule in role["rules"]
        if rule["apiGroups"] == ["herold.dev"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    wanted = {
        (right.verb, "/".join(filter(None, ("campaigns", right.subresource))))
        for right in RIGHTS.values()
    }  # fmt: skip
    assert wanted <= given


def test_reading_of_people_is_in_no_role_that_kubernetes_gives_by_itself() -> None:
    for role in documents("campaign-roles.yaml"):
        spread = any("aggregate-to" in label for label in role["metadata"].get("labels", {}))
        personal = any(
            resource in ("campaigns/explain", "campaigns/deliveries", "serviceaccounts/token")
            for rule in role["rules"]
            for resource in rule["resources"]
        )
        assert not (spread and personal), role["metadata"]["name"]


def through_api(platform: Platform, token: str, headers: dict[str, str]) -> Told:
    path = proxy_path(Ask.REPORT, TEAM, "hello")
    return request("127.0.0.1", platform.api.port, "GET", path, {"Authorization": f"Bearer {token}", **headers})


def test_the_way_leads_through_the_api_server_for_everybody_it_knows(
    platform: Platform, start: Callable[..., Reader]
) -> None:
    address = outside_address()
    if address is None:
        pytest.skip("this machine has no address but loopback, to which an API server does not proxy")
    reader = start(host=address)
    lead_to(platform.api, address, reader.port)
    platform.apply(*world())
    begin(platform, small_campaign())
    vera = reader.people["vera"]
    for who, status in (("vera", 200), ("stranger", 403)):
        token = reader.people[who]
        told = through_api(platform, token, {TOKEN_HEADER: token})
        assert (told.status, told.headers.get(ANSWER_HEADER.lower())) == (status, "1"), told.text
    told = through_api(platform, vera, {})
    assert (told.status, told.body["error"]["kind"]) == (401, "Unauthenticated"), "Authorization is not passed on"
    with pytest.raises(Answer):
        platform.api.ask("GET", "/api/v1/namespaces/default/services/https:herold-reader:reader/proxy/")
