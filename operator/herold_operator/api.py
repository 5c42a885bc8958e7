"""The Kubernetes API, as little of it as the operator uses: list, get, server-side apply, and Events.

One field manager owns what is applied. Every request has a deadline.
https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from kubernetes.aio import client, config

from herold.errors import HeroldError, NotFound, Temporary
from herold.resources import KINDS
from herold.resources.meta import API_VERSION, GROUP, VERSION

FIELD_MANAGER = "herold-operator"
REQUEST_SECONDS = 15.0
PAGE = 500
Object = dict[str, Any]
Page = tuple[int, list[Object]]


class Conflict(HeroldError):
    """The object changed meanwhile: look again."""


class Forbidden(HeroldError):
    """The operator's role does not allow it."""


async def load_configuration() -> Any:
    """Credentials of the pod, or of KUBECONFIG (and its current context) outside a cluster."""
    configuration = client.Configuration()
    loader: Any = config  # its functions are not typed
    if "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ:
        loader.load_incluster_config(client_configuration=configuration)
    else:
        await loader.load_kube_config(
            config_file=os.environ.get("KUBECONFIG") or None,  # as it is now: the library read it at its import
            client_configuration=configuration,
            context=os.environ.get("HEROLD_CONTEXT") or None,
        )
    return configuration


class KubernetesApi:
    """A client. Close it when done. `agent` is how the API server's logs name it; `before_write` is called before each
    request that may change something."""

    def __init__(
        self, configuration: Any, agent: str = FIELD_MANAGER, before_write: Callable[[], None] | None = None
    ) -> None:
        self.configuration = configuration
        self._agent = agent
        self._before_write = before_write
        self._client: Any = client.ApiClient(configuration)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, str] | None = None,
        content: str = "application/json",
        seconds: float = REQUEST_SECONDS,
    ) -> Any:
        """One request. Raises NotFound, Conflict, Forbidden, Temporary (no answer, not now), HeroldError (refused)."""
        headers = {"Content-Type": content, "Accept": "application/json", "User-Agent": self._agent}
        for setting in (await self.configuration.auth_settings()).values():
            headers[setting["key"]] = setting["value"]
        url = f"{self.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        if method != "GET" and self._before_write is not None:
            self._before_write()
        try:
            response = await self._client.rest_client.request(
                method, url, headers=headers, body=body, _request_timeout=aiohttp.ClientTimeout(total=seconds)
            )
            text = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Temporary(f"the Kubernetes API does not answer: {type(error).__name__}") from None
        if response.status < 400:
            return json.loads(text) if text else None
        raise _refusal(response.status, text, f"{method} {path}")

    async def list(self, path: str, selector: str = "") -> list[Object]:
        """All objects of a collection."""
        return [item async for _, items in self.pages(path, selector) for item in items]

    async def pages(self, path: str, selector: str = "") -> AsyncIterator[Page]:
        """All objects of a collection, page by page, each with the resourceVersion at which the whole was looked at."""
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        while True:
            page = await self.request("GET", path, query=query)
            yield int(page["metadata"]["resourceVersion"]), page["items"]
            more = page["metadata"].get("continue")
            if not more:
                return
            query["continue"] = more

    async def apply(self, path: str, manifest: Object, *, force: bool = True) -> Object:
        """Server-side apply as the operator's field manager; gives the object as it is then."""
        query = {"fieldManager": FIELD_MANAGER, "force": str(force).lower()}
        applied: Object = await self.request(
            "PATCH", path, manifest, query=query, content="application/apply-patch+yaml"
        )
        return applied

    async def apply_status(self, kind: str, namespace: str, name: str, status: Object, version: str) -> Object:
        """Write the status of one of Herold's resources, if it is still at that resourceVersion (else Conflict)."""
        manifest = {
            "apiVersion": API_VERSION,
            "kind": kind,
            "metadata": {"name": name, "namespace": namespace, "resourceVersion": version},
            "status": status,
        }
        return await self.apply(f"{resource_path(kind, namespace, name)}/status", manifest)


def resource_path(kind: str, namespace: str = "", name: str = "") -> str:
    """Path of one of Herold's resources, or of all of a kind."""
    path = f"/apis/{GROUP}/{VERSION}"
    if namespace:
        path += f"/namespaces/{quote(namespace)}"
    path += f"/{KINDS[kind].plural}"
    return f"{path}/{quote(name)}" if name else path


def _refusal(status: int, text: bytes, what: str) -> HeroldError:
    try:
        message = str(json.loads(text).get("message", ""))[:500]
    except ValueError:
        message = ""
    words = f"{what}: {status} {message}"
    match status:
        case 404:
            return NotFound(words)
        case 409:
            return Conflict(words)
        case 401 | 403:
            return Forbidden(words, hint="compare our ClusterRole with the one in operator/deploy")
        case 408 | 429:
            return Temporary(words)
    return Temporary(words) if status >= 500 else HeroldError(words)
