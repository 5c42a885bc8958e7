"""The Kubernetes API as kubectl's user has it: kubeconfig, context, credentials. Few requests, each with a deadline."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from herold.errors import HeroldError, NotFound, Refused, Temporary

Object = dict[str, Any]
CAMPAIGNS = "/apis/herold.dev/v1alpha1"
FIELD_MANAGER = "kubectl-campaign"
CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0
_PAGE = 500
_DEFAULT = "~/.kube/config"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """The content. Raises HeroldError when it is no JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            raise HeroldError(f"the answer (status {self.status}) is not JSON") from None


class Cluster:
    """A cluster, by a kubeconfig and one of its contexts (the current one unless it is named)."""

    def __init__(self, kubeconfig: str | None = None, context: str | None = None) -> None:
        from kubernetes.client.configuration import Configuration

        self._configuration: Any = Configuration()
        # The client would send a header of ours along, wherever it is led.
        self._configuration.retries = False
        self.namespace = "default"
        self._load(kubeconfig or os.environ.get("KUBECONFIG") or _DEFAULT, context)
        self._pool: Any = None

    def _load(self, paths: str, context: str | None) -> None:
        from kubernetes.config import ConfigException, load_incluster_config
        from kubernetes.config.kube_config import list_kube_config_contexts, load_kube_config

        loaders: Any = (list_kube_config_contexts, load_kube_config, load_incluster_config)  # they have no types
        contexts, load, load_incluster = loaders
        if "KUBERNETES_SERVICE_HOST" in os.environ and not any(
            Path(each).expanduser().exists() for each in paths.split(os.pathsep) if each
        ):
            load_incluster(client_configuration=self._configuration)
            self.namespace = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read_text().strip()
            return
        try:
            named, current = contexts(config_file=paths)
            chosen = current if context is None else next((each for each in named if each["name"] == context), None)
            if chosen is None:
                raise NotFound(f"the kubeconfig has no context {context}", hint="see: kubectl config get-contexts")
            load(
                config_file=paths,
                context=context,
                client_configuration=self._configuration,
                persist_config=False,
            )
        except (ConfigException, OSError) as error:
            raise NotFound(f"there is no usable kubeconfig: {error}", hint="set KUBECONFIG, or --kubeconfig") from None
        self.namespace = chosen["context"].get("namespace") or "default"

    def own_token(self) -> str | None:
        """The person's own bearer token; None for who has a client certificate (or a password)."""
        value = str(self._authorization() or "")
        kind, _, token = value.partition(" ")
        return token.strip() if kind.lower() == "bearer" and token.strip() else None

    def _authorization(self) -> str | None:
        setting: Any = self._configuration.auth_settings().get("BearerToken")
        return setting["value"] if setting else None

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = READ_SECONDS,
    ) -> Answer:
        """One request, whatever the answer. Raises Temporary when there is none."""
        import urllib3
        from kubernetes.client.rest import RESTClientObject

        if self._pool is None:
            self._pool = RESTClientObject(self._configuration).pool_manager
        sent = {"Accept": "application/json", "User-Agent": FIELD_MANAGER, **(headers or {})}
        if authorization := self._authorization():
            sent["Authorization"] = authorization
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
        url = f"{self._configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body),
                headers=sent,
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
                retries=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise Temporary(
                f"the Kubernetes API does not answer: {_why(error)}", hint="see: kubectl cluster-info"
            ) from None
        return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.data)

    def request(self, method: str, path: str, **options: Any) -> Any:
        """The same, for what must succeed. Raises NotFound, Refused, Temporary, HeroldError."""
        answer = self.send(method, path, **options)
        if answer.status >= 400:
            raise refusal(answer)
        return answer.json()

    def campaign(self, namespace: str, name: str, *, seconds: float = READ_SECONDS) -> Object:
        """One Campaign. Raises NotFound."""
        found: Object = self.request("GET", campaign_path(namespace, name), seconds=seconds)
        return found

    def campaigns(self, namespace: str | None) -> Iterator[Object]:
        """All of one namespace, or of all (None), in pages."""
        yield from self.items(campaign_path(namespace))

    def items(self, path: str, query: Mapping[str, str] | None = None, **options: Any) -> Iterator[Object]:
        """A collection, in pages."""
        asked = {"limit": str(_PAGE), **(query or {})}
        while True:
            page = self.request("GET", path, query=asked, **options)
            yield from page["items"]
            more = page["metadata"].get("continue")
            if not more:
                return
            asked["continue"] = more

    def annotate(self, namespace: str, name: str, annotations: Mapping[str, str | None]) -> Object:
        """Write annotations, None takes one away; the Campaign as it is then. Never anything else of it."""
        changed: Object = self.request(
            "PATCH",
            campaign_path(namespace, name),
            query={"fieldManager": FIELD_MANAGER},
            body={"metadata": {"annotations": dict(annotations)}},
            headers={"Content-Type": "application/merge-patch+json"},
        )
        return changed


def campaign_path(namespace: str | None, name: str | None = None) -> str:
    """Path of one Campaign, of a namespace's, or of all."""
    where = f"/namespaces/{quote(namespace, safe='')}" if namespace is not None else ""
    return f"{CAMPAIGNS}{where}/campaigns" + (f"/{quote(name, safe='')}" if name is not None else "")


def refusal(answer: Answer) -> HeroldError:
    """The API server's own no, as an error."""
    try:
        message = str(json.loads(answer.content).get("message", ""))[:500]
    except (ValueError, AttributeError):
        message = ""
    words = message or f"the Kubernetes API answered with status {answer.status}"
    match answer.status:
        case 401:
            return Refused("Unauthorized", "the Kubernetes API does not know you", hint="log in to the cluster again")
        case 403:
            return Refused("Forbidden", words, hint="the platform gives the roles (docs/how-to/operate.md)")
        case 404:
            return NotFound(words)
        case 408 | 429:
            return Temporary(words)
    return Temporary(words) if answer.status >= 500 else HeroldError(words)


def _why(error: Exception) -> str:
    """The cause, without the library's addresses of objects."""
    cause = error.__cause__ or error
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else cause).__name__
