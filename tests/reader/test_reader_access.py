"""Who may ask the read service, and what one learns who may not."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from controller.platform import TEAM, Platform, world
from herold_reader.protocol import AUDIENCE, RIGHTS, TOKEN_HEADER, Ask, path_of
from parts.campaigns import small_campaign
from reader.service import PEOPLE, Reader, begin

BODIES: dict[Ask, object] = {Ask.EXPLAIN: {"contactId": 1}, Ask.HOLD: {}}


def test_without_a_right_the_answer_is_no_and_the_same_whatever_exists(platform: Platform, reader: Reader) -> None:
    platform.apply(*world())
    begin(platform, small_campaign())
    for ask in Ask:
        for who in ("stranger", "mallory"):
            there = reader.ask(ask, "hello", who=who, body=BODIES.get(ask))
            nowhere = reader.ask(ask, "no-such-campaign", who=who, body=BODIES.get(ask))
            assert (there.status, there.error) == (403, "Denied"), ask
            assert there.text == nowhere.text
            assert "hello" not in there.text
    assert reader.ask(Ask.EXPLAIN, who="vera", body={"contactId": 1}).status == 403
    assert reader.ask(Ask.DELIVERIES, who="vera").status == 403
    assert reader.ask(Ask.PLAN, who="otto").status == 403
    assert platform.connection.execute("SELECT count(*) FROM audit WHERE action <> 'StartRun'").fetchone() == (0,)


def test_a_question_that_is_wrong_too_is_still_only_refused(reader: Reader) -> None:
    told = reader.ask(Ask.DELIVERIES, who="stranger", query="?outcome=nonsense")
    assert (told.status, told.error) == (403, "Denied")


def test_whoever_may_is_answered(platform: Platform, reader: Reader) -> None:
    platform.apply(*world())
    begin(platform, small_campaign())
    assert reader.ask(Ask.PLAN, who="vera").status == 200
    assert reader.ask(Ask.REPORT, who="vera").status == 200
    assert reader.ask(Ask.DELIVERIES, who="otto").status == 200
    assert reader.ask(Ask.EXPLAIN, who="otto", body={"contactId": 1}).status == 200


def test_rights_in_another_teams_namespace_open_nothing_here_and_nothing_of_ours_there(
    platform: Platform, reader: Reader
) -> None:
    platform.apply(*world())
    run = begin(platform, small_campaign())
    assert reader.ask(Ask.REPORT, who="mallory").status == 403
    told = reader.ask(Ask.REPORT, who="mallory", namespace="campaigns-other", query=f"?run={run}")
    assert (told.status, told.error) == (404, "NotFound")
    assert TEAM not in told.text
    told = reader.ask(Ask.DELIVERIES, "hello", who="mallory", namespace="campaigns-other")
    assert told.status == 404
    assert "has no run yet" in told.body["error"]["message"]


def changed(token: str, key: Path | None = None, **claims: object) -> str:
    """The same token with other claims: under its old signature, or under a new one by the API server's own key."""
    head, body, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    signed = f"{head}.{encoded(json.dumps({**said, **claims}).encode())}"
    if key is not None:
        signer = serialization.load_pem_private_key(key.read_bytes(), None)
        assert isinstance(signer, rsa.RSAPrivateKey)
        signature = encoded(signer.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))
    return f"{signed}.{signature}"


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def test_tokens_that_are_forged_foreign_or_none_are_nobodys(platform: Platform, reader: Reader) -> None:
    foreign = platform.api.token_of(PEOPLE, "vera", audience="vault")
    mine, key, now = reader.people["vera"], platform.api.folder / "sa.key", int(time.time())
    assert reader.ask(Ask.PLAN, token=changed(mine, key)).status == 404
    expired = changed(mine, key, iat=now - 7200, nbf=now - 7200, exp=now - 3600)
    forged = changed(reader.people["stranger"], sub=f"system:serviceaccount:{PEOPLE}:vera")
    for token in (None, "", "not-a-token", forged, expired, foreign, mine + "x"):
        told = reader.ask(Ask.PLAN, token=token)
        assert (told.status, told.error) == (401, "Unauthenticated"), token
        assert not token or token not in told.text
    platform.api.ask("DELETE", f"/api/v1/namespaces/{PEOPLE}/serviceaccounts/vera")
    assert reader.ask(Ask.PLAN, who="vera").status == 401
    for line in reader.log.read_text().splitlines():
        assert foreign not in line


def test_two_tokens_are_no_token(reader: Reader) -> None:
    token = reader.people["vera"]
    headers = {TOKEN_HEADER: token, TOKEN_HEADER.lower(): token}
    assert reader.request("GET", path_of(Ask.PLAN, TEAM, "hello"), headers).status == 401


def test_a_token_that_is_meant_for_us_alone_is_taken_and_is_no_key_to_the_api_server(
    platform: Platform, reader: Reader
) -> None:
    platform.apply(*world())
    token = platform.api.token_of(PEOPLE, "vera", audience=AUDIENCE, seconds=600)
    assert reader.ask(Ask.PLAN, token=token).status == 200
    review = platform.api.ask(
        "POST",
        "/apis/authentication.k8s.io/v1/tokenreviews",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": token}},
    )
    assert not review["status"].get("authenticated")


@pytest.mark.parametrize("ask", list(Ask))
def test_every_question_has_one_method_and_one_right(reader: Reader, ask: Ask) -> None:
    headers = {TOKEN_HEADER: reader.people["vera"]}
    other = "POST" if RIGHTS[ask].method == "GET" else "GET"
    assert reader.request(other, path_of(ask, TEAM, "hello"), headers).status == 422


def test_what_is_no_path_or_no_name_is_refused(reader: Reader) -> None:
    headers = {TOKEN_HEADER: reader.people["vera"]}
    assert reader.request("GET", "/", headers).status == 404
    assert reader.request("GET", "/v1/namespaces/a/campaigns/b/secrets", headers).status == 404
    for name in ("hello~proof", "%2e%2e", "a%2Fb", "a" * 300):
        assert reader.request("GET", f"/v1/namespaces/{TEAM}/campaigns/{name}/plan", headers).status in (404, 422)
