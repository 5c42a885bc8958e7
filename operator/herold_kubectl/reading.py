"""Asking the read service, through the API server's proxy, in the name of whoever runs the command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from herold.errors import HeroldError, NotFound, Refused, Temporary
from herold_kubectl.cluster import Answer, Cluster, refusal
from herold_reader.protocol import (
    ANSWER_HEADER,
    AUDIENCE,
    PLATFORM_NAMESPACE,
    RIGHTS,
    SERVICE,
    TOKEN_HEADER,
    TOKEN_SECONDS,
    Ask,
    proxy_path,
)

# Longer than the service takes for anything.
PATIENCE = 330.0


class Denied(HeroldError):
    """The service said no."""

    exit_code = 4


_BY_EXIT_CODE: Mapping[int, type[HeroldError]] = {each.exit_code: each for each in (NotFound, Denied, Temporary)}


def ask_reader(
    cluster: Cluster,
    ask: Ask,
    namespace: str,
    name: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Any = None,
    seconds: float = PATIENCE,
) -> dict[str, Any]:
    """One question. Raises HeroldError, with the exit code that a command ends with."""
    right = RIGHTS[ask]
    token = cluster.own_token() or account_token(cluster, namespace, right.account)
    answer = cluster.send(
        right.method,
        proxy_path(ask, namespace, name),
        query=query,
        body=body if right.method == "POST" else None,
        headers={TOKEN_HEADER: token},
        seconds=seconds,
    )
    if ANSWER_HEADER.lower() not in answer.headers:
        raise _not_reached(answer)
    content: dict[str, Any] = answer.json()
    if answer.status >= 400:
        raise _told(content.get("error") or {})
    return content


def account_token(cluster: Cluster, namespace: str, account: str) -> str:
    """A short-lived token of an account of the team's, for the read service only. Raises NotFound, Refused."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    spec = {"audiences": [AUDIENCE], "expirationSeconds": TOKEN_SECONDS}
    answer = cluster.send(
        "POST", path, body={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    )
    if answer.status == 404:
        raise NotFound(
            f"your kubeconfig has a certificate, and {namespace} has no account {account} that would stand for you",
            hint="the platform makes it (docs/how-to/operate.md)",
        )
    if answer.status == 403:
        raise Refused(
            "Forbidden",
            f"you may not ask for a token of {namespace}/{account}",
            hint=f"the platform gives the role {account}-token (docs/how-to/operate.md)",
        )
    if answer.status >= 400:
        raise refusal(answer)
    return str(answer.json()["status"]["token"])


def _not_reached(answer: Answer) -> HeroldError:
    """The API server's own answer: it did not get through to the service."""
    error = refusal(answer)
    if answer.status == 404:
        where = f"{PLATFORM_NAMESPACE}/{SERVICE}"
        return NotFound(f"there is no read service {where} on this cluster", hint="apply operator/deploy/reader.yaml")
    if answer.status >= 500:
        hint = f"kubectl get pods -n {PLATFORM_NAMESPACE} -l app.kubernetes.io/name={SERVICE}"
        return Temporary(f"the read service does not answer: {error.message}", hint=hint)
    return error


def _told(error: Mapping[str, Any]) -> HeroldError:
    kind = _BY_EXIT_CODE.get(error.get("exitCode", 1), HeroldError)
    return kind(str(error.get("message", "the read service said no")), hint=error.get("hint"))


def as_query(**values: object) -> dict[str, str]:
    """Only what is asked for."""
    return {name: _written(value) for name, value in values.items() if value is not None and value is not False}


def _written(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
