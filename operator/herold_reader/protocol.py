"""What the read service and whoever asks it agree on. Imports nothing of ours: `kubectl campaign` must be quick.

Requests go to /v1/namespaces/NAMESPACE/campaigns/NAME/ASK, by the API server's service proxy. It strips
`Authorization`, so who asks is told by a header of our own. Personal data never stand in a path or a query, which the
API server writes into its audit log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

PATH = "/v1/namespaces/{namespace}/campaigns/{name}/{ask}"
AUDIENCE = "herold-reader"
PLATFORM_NAMESPACE = "herold-platform"
SERVICE = "herold-reader"
PORT_NAME = "reader"
TOKEN_HEADER = "Herold-Token"  # noqa: S105 - the name of the header
# On every answer of the service: what lacks it comes from the API server, which did not reach us.
ANSWER_HEADER = "Herold-Reader"
PAGE_ROWS = 2_000
# Accounts in a team's namespace for people who come with a certificate, which can't be passed on: they ask for a
# short-lived token of the account that has just the right which is needed.
VIEWER, AUDITOR = "campaign-viewer", "campaign-auditor"
TOKEN_SECONDS = 600  # the least that the API server gives


class Ask(StrEnum):
    """What can be asked of a campaign."""

    PLAN = "plan"
    REPORT = "report"
    EXPLAIN = "explain"
    DELIVERIES = "deliveries"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Right:
    """What one must be allowed: `verb` on campaigns, or on a `subresource` of theirs that exists for this only.

    `method` is that of HTTP, `account` the one whose token gives the right to who has a certificate only. `personal`:
    the answer is about people one by one, and the asking is audited before it is answered.
    """

    method: str
    verb: str
    subresource: str
    account: str
    personal: bool = False


RIGHTS: dict[Ask, Right] = {
    Ask.PLAN: Right("GET", "get", "plan", VIEWER),
    Ask.REPORT: Right("GET", "get", "report", VIEWER),
    Ask.EXPLAIN: Right("POST", "get", "explain", AUDITOR, personal=True),
    Ask.DELIVERIES: Right("GET", "get", "deliveries", AUDITOR, personal=True),
    # The annotation on the campaign is the order, and writing it needed `patch`: carrying it out sooner needs no more
    # than to see it.
    Ask.HOLD: Right("POST", "get", "", VIEWER),
}


def path_of(ask: Ask, namespace: str, name: str) -> str:
    """The path at the service itself."""
    return PATH.format(namespace=quote(namespace, safe=""), name=quote(name, safe=""), ask=ask)


def proxy_path(ask: Ask, namespace: str, name: str) -> str:
    """The same through the API server."""
    service = f"https:{SERVICE}:{PORT_NAME}"
    return f"/api/v1/namespaces/{PLATFORM_NAMESPACE}/services/{service}/proxy{path_of(ask, namespace, name)}"
