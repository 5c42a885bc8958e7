"""Manifests that are nearly those of the cases: what the API server and this program must judge alike."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

from hypothesis import strategies as st

from policies.cases import ENVIRONMENT, SAYS, Object, cases
from policies.cluster import suspended

# What was there before the policies, and so can be updated.
OLD = {
    (each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]): each
    for case in cases("fail")
    if case.key[0] != "ConfigMap"
    for each in (case.manifest, *([suspended(case.manifest)] if case.key[0] == "Campaign" else []))
}
_BY_KIND: dict[str, list[Object]] = {}
for _each in (*(case.manifest for case in cases("pass")), *(case.manifest for case in cases("fail")), *OLD.values()):
    _BY_KIND.setdefault(_each["kind"], []).append(_each)
_CLOCKS = st.sampled_from(["00:00", "07:59", "08:00", "11:59", "12:00", "13:00", "14:00", "14:01", "21:00", "21:01"])
_LINKS = [
    "{{ unsubscribe_url }}",
    "{{unsubscribe_url}}",
    "{{ x }} unsubscribe_url }}",
    "unsubscribe_url",
    "{{ \n}}",
    "",
]
_IMAGES = [
    "herold",
    "herold:1",
    f"herold@sha256:{'a' * 64}",
    f"herold@sha256:{'A' * 64}",
    f"herold:1@sha256:{'0' * 64}",
]
_DOMAINS = ["team.example", "team.dev", "own.dev", "a.own.dev", "notown.dev", "example.com", "x.example.org", "b.test"]
_URLS = ["https://shop.example/u/", "https://shop.example/u", "https://shop.example/u/x", "https://shop.examples/u/"]
_CLASS, _OF = "herold.dev/message-class", "herold.dev/environment"


@st.composite
def manifests(draw: st.DrawFn) -> Object:
    """One that is applied: over what is there under its name, or as a new one."""
    kind = draw(st.sampled_from(sorted(_BY_KIND)))
    made: Object = deepcopy(draw(st.sampled_from(_BY_KIND[kind])))
    metadata = made["metadata"]
    for note in (ENVIRONMENT, SAYS):
        metadata["annotations"].pop(note, None)
    if kind != "ConfigMap" and draw(st.booleans()):
        metadata["name"] = draw(st.sampled_from(["made-up", "excepted"]))
        if kind in ("Campaign", "SenderProfile", "ContactSchema", "Pod", "Deployment"):
            names = ["campaigns-shop", "campaigns-orders", "campaigns-shared", "herold-senders", "default"]
            metadata["namespace"] = draw(st.sampled_from(names))
    if draw(st.booleans()):
        metadata["annotations"]["herold.dev/hold"] = draw(st.sampled_from(["x", ""]))
    edit = _EDITS.get(kind)
    if edit is not None and draw(st.integers(0, 4)):
        edit(draw, made)
    return made


def _campaign(draw: st.DrawFn, made: Object) -> None:
    spec = made["spec"]
    if draw(st.booleans()):
        numbers = [1, 99_999, 100_000, 100_001, 1_000_000, 1_000_001, 2_000_000, 2_000_001, 100_000_000]
        spec["audience"]["maxRecipients"] = draw(st.sampled_from(numbers))
    spec.pop("suspend", None)
    if draw(st.booleans()):
        spec["suspend"] = draw(st.booleans())
    if draw(st.booleans()):
        spec["messageClass"] = draw(st.sampled_from(["Marketing", "Transactional"]))
    if draw(st.booleans()):
        spec["governance"]["owner"] = draw(st.sampled_from(["shop-team", "shop", "team", "somebody"]))
    if draw(st.booleans()):
        spec["schedule"].pop("quietHours", None)
    if draw(st.booleans()):
        first, last = draw(st.lists(_CLOCKS, min_size=2, max_size=2, unique=True))
        spec["schedule"]["quietHours"] = {"from": first, "to": last}
    if draw(st.booleans()):
        spec["occurrence"] = 2


def _template(draw: st.DrawFn, made: Object) -> None:
    _label(draw, made, _CLASS, ["Transactional", "Marketing", ""])
    for content in made["spec"]["contents"]:
        if draw(st.booleans()):
            content["text"] = f"Hello {draw(st.sampled_from(_LINKS))} \u00fc\U0001f600"
        if draw(st.booleans()):
            content["mjml"] = f"<mjml>{draw(st.sampled_from(_LINKS))}</mjml>"


def _sender(draw: st.DrawFn, made: Object) -> None:
    spec = made["spec"]
    _label(draw, made, _OF, ["test", "staging", "prod", "", "production"])
    if draw(st.booleans()):
        spec["unsubscribeUrl"] = draw(st.sampled_from(_URLS))
    if draw(st.booleans()):
        spec["route"]["host"] = draw(st.sampled_from(["relay.shop.example", "relay.other.example"]))
    if draw(st.booleans()):
        spec["limits"]["perSecond"] = "1"
    if draw(st.booleans()):
        domains = draw(st.lists(st.sampled_from(_DOMAINS), max_size=3, unique=True))
        addresses = [f"anna@{domain}" for domain in draw(st.lists(st.sampled_from(_DOMAINS), max_size=3, unique=True))]
        spec["allow"] = {"domains": domains, "addresses": addresses}
    elif draw(st.booleans()):
        spec.pop("allow", None)


def _label(draw: st.DrawFn, made: Object, name: str, values: list[str]) -> None:
    if draw(st.booleans()):
        made["metadata"].pop("labels", None)
    if draw(st.booleans()):
        made["metadata"]["labels"] = {name: draw(st.sampled_from(values)), "other": "yes"}


def _workload(draw: st.DrawFn, made: Object) -> None:
    spec = made["spec"]
    if made["kind"] == "Deployment":
        spec["selector"]["matchLabels"] = spec["template"]["metadata"]["labels"]
        if draw(st.booleans()):
            spec["replicas"] = draw(st.sampled_from([0, 2]))
    if made["kind"] == "CronJob" and draw(st.booleans()):
        spec["suspend"] = True
    exists = (made["kind"], made["metadata"]["namespace"], made["metadata"]["name"]) in OLD
    if made["kind"] == "Pod" and exists:
        return  # nearly nothing of a pod can be changed
    pod = spec.get("jobTemplate", {"spec": spec})["spec"].get("template", {"spec": spec})["spec"]
    for container in pod["containers"]:
        if draw(st.booleans()):
            container["image"] = draw(st.sampled_from(_IMAGES))
        if draw(st.booleans()):
            container["securityContext"] = draw(
                st.sampled_from(
                    [
                        {},
                        {"privileged": False, "allowPrivilegeEscalation": False},
                        {"allowPrivilegeEscalation": True},
                        {"capabilities": {"add": [], "drop": ["ALL"]}},
                        {"capabilities": {"add": ["CHOWN"]}},
                        {"privileged": True},
                    ]
                )
            )
    if draw(st.booleans()):
        # Not false, which the API server does not keep: an object as it is written is no update of itself then.
        pod[draw(st.sampled_from(["hostNetwork", "hostPID", "hostIPC"]))] = True
    if draw(st.booleans()):
        kind, told = draw(st.sampled_from([("emptyDir", {}), ("hostPath", {"path": "/"})]))
        pod["volumes"] = [{"name": "one", kind: told}]


def _parameters(draw: st.DrawFn, made: Object) -> None:
    data = made["data"]
    key = draw(st.sampled_from(["max-recipients", "quiet-from", "environment", "allow.x", "owner.x", "allow", "other"]))
    data[key] = draw(
        st.sampled_from(["1", "-1", "prod", "24:00", "23:59", "own.dev", "https://x.example/", "1234567890"])
    )
    if draw(st.booleans()):
        data.pop(draw(st.sampled_from(sorted(data))))


_EDITS: dict[str, Callable[[st.DrawFn, Object], None]] = {
    "Campaign": _campaign,
    "MessageTemplate": _template,
    "SenderProfile": _sender,
    "Pod": _workload,
    "Deployment": _workload,
    "CronJob": _workload,
    "ConfigMap": _parameters,
}
