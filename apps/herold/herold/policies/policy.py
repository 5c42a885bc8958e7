"""A ValidatingAdmissionPolicy with its binding, as far as both the API server and this program obey them.

What a policy may say beyond that (selectors, reasons, audit annotations, …) is refused when it is read: offline it
would mean nothing. https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, PlainValidator

from herold.policies.expression import Expression, NotAnExpression
from herold.resources.meta import Model
from herold.resources.scalars import Name


def _compiled(text: Any) -> Expression:
    if not isinstance(text, str):
        raise ValueError("must be text")
    try:
        return Expression(text)
    except NotAnExpression as error:
        raise ValueError(f"is not an expression that both sides speak: {error}") from None


Compiled = Annotated[Expression, PlainValidator(_compiled)]
_Text = Annotated[str, Field(min_length=1)]


class _Part(Model):
    model_config = ConfigDict(arbitrary_types_allowed=True)


class Rule(_Part):
    """Which requests are looked at."""

    api_groups: tuple[str, ...]
    api_versions: tuple[str, ...]
    operations: tuple[Literal["CREATE", "UPDATE", "DELETE"], ...]
    resources: tuple[str, ...]


class Condition(_Part):
    """Requests for which one of these is false are not judged."""

    name: Name
    expression: Compiled


class Variable(_Part):
    """A value that later expressions read as `variables.<name>`."""

    name: str
    expression: Compiled


class Validation(_Part):
    """What must be true. The words of a denial come from `message_expression`, or, if it fails, from `message`."""

    expression: Compiled
    message: _Text
    message_expression: Compiled | None = None


class Constraints(_Part):
    """Only rules: selectors need what no file says."""

    resource_rules: tuple[Rule, ...]


class ParamKind(_Part):
    """Parameters are a ConfigMap."""

    api_version: Literal["v1"]
    kind: Literal["ConfigMap"]


class PolicySpec(_Part):
    """The rule itself."""

    failure_policy: Literal["Fail"]
    param_kind: ParamKind | None = None
    match_constraints: Constraints
    match_conditions: tuple[Condition, ...] = ()
    variables: tuple[Variable, ...] = ()
    validations: tuple[Validation, ...]


class ParamRef(_Part):
    """`Allow`: while the ConfigMap is away, a `Deny` would be said before conditions let a brake through."""

    name: Literal["herold-policy"]
    namespace: Literal["herold-platform"]
    parameter_not_found_action: Literal["Allow"]


class BindingSpec(_Part):
    """A policy is in force everywhere, and denies."""

    policy_name: Name
    validation_actions: tuple[Literal["Deny"]]
    param_ref: ParamRef | None = None


class _Named(_Part):
    name: Name


class Policy(_Part):
    """The policy of a rule."""

    api_version: Literal["admissionregistration.k8s.io/v1"]
    kind: Literal["ValidatingAdmissionPolicy"]
    metadata: _Named
    spec: PolicySpec

    @property
    def name(self) -> str:
        """As the API server names it in a denial."""
        return self.metadata.name


class Binding(_Part):
    """What puts a policy in force."""

    api_version: Literal["admissionregistration.k8s.io/v1"]
    kind: Literal["ValidatingAdmissionPolicyBinding"]
    metadata: _Named
    spec: BindingSpec
