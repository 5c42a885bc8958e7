"""Who asks, and may they? The API server answers both: TokenReview, then SubjectAccessReview. Nothing is remembered.

https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from herold.errors import HeroldError
from herold.resources.meta import GROUP
from herold_operator.api import KubernetesApi
from herold_reader.protocol import AUDIENCE, Right

_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCESS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
# Which of its tokens somebody used. The API server's audit log has the same id where the token was asked for.
_CREDENTIAL = "authentication.kubernetes.io/credential-id"


class Unauthenticated(HeroldError):
    """Nobody knows who asks."""

    exit_code = 4


class Denied(HeroldError):
    """Who asks may not. Says nothing of what was asked for, not even whether it exists."""

    exit_code = 4


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody, as the API server knows them."""

    user: str
    uid: str
    groups: tuple[str, ...]
    extra: Mapping[str, tuple[str, ...]]

    @property
    def credential(self) -> str | None:
        """Id of the token, where its issuer gives one."""
        return next(iter(self.extra.get(_CREDENTIAL, ())), None)


async def authenticate(api: KubernetesApi, token: str) -> Caller:
    """Whose token it is. Raises Unauthenticated, Temporary.

    It must be meant for this service or for the API server: first ours is asked for, because an authenticator that
    knows no audiences (a file, a webhook) answers for the API server's own only.
    """
    for audiences in ([AUDIENCE], []):
        status = await _review(api, token, audiences)
        named = set(status.get("audiences") or ())
        if status.get("authenticated") is True and (not audiences or named & set(audiences)):
            return _caller(status["user"])
    raise Unauthenticated("the API server does not know this token", hint="log in again; it may have expired")


async def authorise(api: KubernetesApi, caller: Caller, right: Right, namespace: str, name: str) -> None:
    """Raises Denied, Temporary."""
    attributes = {"namespace": namespace, "name": name, "verb": right.verb, "group": GROUP, "resource": "campaigns"}
    if right.subresource:
        attributes["subresource"] = right.subresource
    spec = {
        "user": caller.user,
        "uid": caller.uid,
        "groups": list(caller.groups),
        "extra": {key: list(values) for key, values in caller.extra.items()},
        "resourceAttributes": attributes,
    }
    answer = await api.request(
        "POST", _ACCESS, {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    )
    if answer["status"].get("allowed") is not True or answer["status"].get("denied"):
        what = f"campaigns/{right.subresource}" if right.subresource else "campaigns"
        raise Denied(
            f"{caller.user} may not {right.verb} {what} in {namespace}",
            hint="the platform gives the roles campaign-viewer and campaign-auditor (docs/how-to/operate.md)",
        )


async def _review(api: KubernetesApi, token: str, audiences: list[str]) -> Mapping[str, Any]:
    spec: dict[str, Any] = {"token": token}
    if audiences:
        spec["audiences"] = audiences
    answer = await api.request(
        "POST", _REVIEWS, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
    )
    status: Mapping[str, Any] = answer.get("status") or {}
    return status


def _caller(user: Mapping[str, Any]) -> Caller:
    extra = {key: tuple(values) for key, values in (user.get("extra") or {}).items()}
    return Caller(user["username"], user.get("uid", ""), tuple(user.get("groups") or ()), extra)
