"""CEL as the API server speaks it, less the extensions of Kubernetes: https://cel.dev and cel-expr-python.

Nothing here knows policies. An expression is compiled once and evaluated often; it sees values made of dict, list,
str, int, bool and None.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from herold.errors import HeroldError

VARIABLES = ("object", "oldObject", "request", "params", "variables")


class NotAnExpression(ValueError):
    """The text is not CEL, or uses what only the API server knows. Its words say where."""


class CannotEvaluate(Exception):
    """The expression asked for a field that is not there, or for what its values don't do."""


class Expression:
    """One compiled expression over `VARIABLES`. Raises NotAnExpression."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._compiled = _environment().compile(text)
        except RuntimeError as error:
            raise NotAnExpression(_first_line(str(error))) from None

    def value(self, scope: Scope) -> Any:
        """What it yields. Raises CannotEvaluate."""
        result = self._compiled.eval(scope.activation)
        if result.type() == _cel().Type.ERROR:
            raise CannotEvaluate(str(result.plain_value()))
        return result.plain_value()


class Scope:
    """Values of `VARIABLES`, converted once for many expressions; those not given are null."""

    __slots__ = ("activation", "values")

    def __init__(self, **values: Mapping[str, Any] | None) -> None:
        self.values = values
        self.activation = _environment().Activation({name: values.get(name) for name in VARIABLES})

    def with_variables(self, variables: Mapping[str, Any]) -> Scope:
        """The same, with `variables`."""
        return Scope(**{**self.values, "variables": variables})


@cache
def _cel() -> Any:
    try:
        from cel_expr_python import cel
    except ImportError:
        raise HeroldError(
            "policies can't be judged: the extra `policies` is not installed",
            hint="pip install 'herold[policies]', or leave policies out with --no-policies",
        ) from None
    return cel


@cache
def _environment() -> Any:
    return _cel().NewEnv(variables=dict.fromkeys(VARIABLES, _cel().Type.DYN))


def _first_line(words: str) -> str:
    return words.splitlines()[0].removeprefix("INVALID_ARGUMENT: ERROR: <input>:")
