"""The base of all settings: plain frozen values, of which every unknown, missing or wrong one is named at once."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError


class Settings(BaseModel):
    """Values of a stack's file. An unknown key is a mistake, and so is text where a number belongs."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class SettingsRefused(ValueError):
    """Settings that can't be used; the message has one line a mistake."""


def explain(error: ValidationError, source: str) -> SettingsRefused:
    """All mistakes of a validation, each with the place in the file where it is."""
    lines = []
    for mistake in error.errors():
        place = ".".join(str(part) for part in mistake["loc"]) or "(all of it)"
        lines.append(f"  {place}: {mistake['msg'].removeprefix('Value error, ')}")
    return SettingsRefused(f"{source} has {len(lines)} mistake(s); nothing was made:\n" + "\n".join(lines))
