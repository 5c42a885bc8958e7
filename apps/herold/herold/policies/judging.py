"""What the API server would say of a request, by the same policies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from herold.policies.expression import CannotEvaluate, Expression, Scope
from herold.policies.policy import Policy, Validation
from herold.policies.reading import Policies
from herold.resources.meta import Resource

Operation = Literal["CREATE", "UPDATE", "DELETE"]
Object = Mapping[str, Any]
_LONGEST = 5 * 1024  # of a message that an expression makes; the API server passes over longer ones


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `object_` is as the API server has it after defaulting, None for a deletion; `old`: as it was.

    `resource` is (group, version, plural), such as ("apps", "v1", "deployments").
    """

    operation: Operation
    resource: tuple[str, str, str]
    object_: Object | None
    old: Object | None = None


@dataclass(frozen=True, slots=True, order=True)
class Denial:
    """A policy said no, in the words that the API server uses: where, what, and what to do."""

    policy: str
    message: str

    @property
    def path(self) -> tuple[str, ...]:
        """The field that is meant, from the words before the first colon."""
        return tuple(self.message.partition(": ")[0].split("."))

    @property
    def problem(self) -> str:
        """What is wrong."""
        return self.message.partition(": ")[2].partition(". ")[0]

    @property
    def remedy(self) -> str:
        """What to do."""
        return self.message.partition(". ")[2]


def request_for(resource: Resource, old: Resource | None = None) -> Request:
    """The request that brings a resource of Herold's into the cluster, where `old` is there already."""
    group, _, version = resource.api_version.partition("/")
    what = (group, version, resource.plural)
    if old is None:
        return Request("CREATE", what, _plain(resource))
    return Request("UPDATE", what, _plain(resource), _plain(old))


def denials(policies: Policies, environment: str, request: Request) -> tuple[Denial, ...]:
    """Everything that policies have against a request, where `environment`'s parameters are in force."""
    metadata = (request.object_ or request.old or {})["metadata"]
    scope = Scope(
        object=request.object_,
        oldObject=request.old,
        request={
            "operation": request.operation,
            "namespace": metadata.get("namespace", ""),
            "name": metadata.get("name", ""),
        },
        params=policies.parameters[environment],
    )
    return tuple(
        Denial(policy.name, message)
        for policy in policies.policies
        if _is_about(policy, request)
        for message in _messages(policy, scope)
    )


def _plain(resource: Resource) -> Object:
    return resource.model_dump(mode="json", by_alias=True, exclude_none=True)


def _is_about(policy: Policy, request: Request) -> bool:
    group, version, resource = request.resource
    return any(
        group in rule.api_groups
        and version in rule.api_versions
        and resource in rule.resources
        and request.operation in rule.operations
        for rule in policy.spec.match_constraints.resource_rules
    )


def _messages(policy: Policy, scope: Scope) -> Iterable[str]:
    wanted = _is_wanted((each.expression for each in policy.spec.match_conditions), scope)
    if isinstance(wanted, str):
        return (wanted,)
    if not wanted:
        return ()
    known: dict[str, Any] = {}
    for variable in policy.spec.variables:
        try:
            known[variable.name] = variable.expression.value(scope.with_variables(known))
        except CannotEvaluate:
            continue  # who asks for it can't be evaluated either
    scope = scope.with_variables(known)
    return (message for each in policy.spec.validations if (message := _message(each, scope)) is not None)


def _is_wanted(conditions: Iterable[Expression], scope: Scope) -> bool | str:
    """One that is false counts more than others that can't be evaluated: so a brake passes whatever else is wrong."""
    trouble: str | None = None
    for condition in conditions:
        try:
            if condition.value(scope) is not True:
                return False
        except CannotEvaluate as error:
            trouble = trouble or _trouble(condition, error)
    return trouble or True


def _message(validation: Validation, scope: Scope) -> str | None:
    """Why it says no; None when it does not."""
    try:
        if validation.expression.value(scope) is True:
            return None
    except CannotEvaluate as error:
        return _trouble(validation.expression, error)
    if validation.message_expression is not None:
        try:
            words = validation.message_expression.value(scope)
        except CannotEvaluate:
            words = None
        if isinstance(words, str) and words.strip() and "\n" not in words and len(words) <= _LONGEST:
            return words.strip()
    return validation.message.strip()


def _trouble(expression: Expression, error: CannotEvaluate) -> str:
    return f"policy: {expression.text!r} can't be evaluated ({error}). Mend the policy or its parameters"
