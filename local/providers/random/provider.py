"""The stand-in for the random provider: passwords and bytes, drawn once, kept in the state."""

from __future__ import annotations

import base64
import importlib.metadata
import secrets
import string

from local.providers import wire
from local.providers.acting import Difference, Made
from local.providers.differences import compare
from local.providers.server import Mistake
from local.providers.wire import Path, Properties

PASSWORD, BYTES = "random:index/randomPassword:RandomPassword", "random:index/randomBytes:RandomBytes"
SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
# By the property that turns a class of characters off, and the one that wants a number of them.
CLASSES = {
    "lower": ("minLower", string.ascii_lowercase),
    "upper": ("minUpper", string.ascii_uppercase),
    "numeric": ("minNumeric", string.digits),
    "special": ("minSpecial", SPECIAL),
}
FIELDS = {
    PASSWORD: {"length", "keepers", "overrideSpecial", *CLASSES, *(least for least, _ in CLASSES.values())},
    BYTES: {"length", "keepers"},
}
OUTPUTS = {PASSWORD: ("result",), BYTES: ("base64", "hex")}


class Random:
    """What is drawn stays: every change of the inputs asks for a new one in its place."""

    package = "random"
    version = importlib.metadata.version("pulumi-random")

    def note(self) -> str:
        """What it is, and what it can't."""
        return "STAND-IN for the random provider: RandomPassword (without bcryptHash) and RandomBytes, nothing else."

    def configure(self, settings: Properties) -> None:
        """There are none."""

    def check(self, kind: str, inputs: Properties) -> list[Mistake]:
        """All mistakes of the inputs."""
        if kind not in FIELDS:
            return [Mistake("", f"the stand-in has no resource {kind}")]
        mistakes = [Mistake(key, "unknown to the stand-in") for key in sorted(inputs.keys() - FIELDS[kind])]
        length = inputs.get("length")
        if not isinstance(length, int) or length < 1:
            return [*mistakes, Mistake("length", "must be a number, 1 at least")]
        if kind == PASSWORD and not (classes := _classes(inputs)):
            mistakes.append(Mistake("", "no class of characters is left to draw from"))
        elif kind == PASSWORD and sum(least for least, _ in classes) > length:
            mistakes.append(Mistake("length", "is less than the characters that are asked for"))
        return mistakes

    def secret(self, kind: str) -> frozenset[Path]:
        """All that is drawn."""
        return frozenset((key,) for key in OUTPUTS[kind])

    def compare(self, kind: str, identifier: str, old: Properties, new: Properties) -> Difference:
        """Nothing is changed in place."""
        changes = compare(old, new)
        return Difference(changes, frozenset(changes))

    def create(self, kind: str, inputs: Properties, *, preview: bool, seconds: float) -> Made:
        """Draw."""
        drawn: Properties = dict.fromkeys(OUTPUTS[kind], wire.UNKNOWN)
        if not preview and kind == PASSWORD:
            drawn = {"result": draw(inputs)}
        elif not preview:
            value = secrets.token_bytes(inputs["length"])
            drawn = {"base64": base64.b64encode(value).decode(), "hex": value.hex()}
        # The real provider's identifier of a password is this word; that of bytes is their value.
        return Made("none", {**inputs, **drawn}, inputs)

    def update(
        self, kind: str, identifier: str, old: Properties, new: Properties, *, preview: bool, seconds: float
    ) -> Made:
        """Never asked for: every change is a replacement."""
        raise AssertionError(f"{kind} can't be changed in place")

    def read(self, kind: str, identifier: str, inputs: Properties, outputs: Properties) -> Made | None:
        """It is nowhere but in the state."""
        return Made(identifier, outputs, inputs)

    def delete(self, kind: str, identifier: str, outputs: Properties, *, seconds: float) -> None:
        """Nothing is anywhere."""

    def stop(self) -> None:
        """Nothing is waited for."""


def draw(inputs: Properties) -> str:
    """A password as the inputs of RandomPassword want it."""
    source = secrets.SystemRandom()
    classes = _classes(inputs)
    letters = [source.choice(characters) for least, characters in classes for _ in range(least)]
    everything = "".join(characters for _, characters in classes)
    letters += [source.choice(everything) for _ in range(inputs["length"] - len(letters))]
    source.shuffle(letters)
    return "".join(letters)


def _classes(inputs: Properties) -> list[tuple[int, str]]:
    """Of each class that is on: how many at least, and its characters."""
    found = []
    for name, (least, characters) in CLASSES.items():
        if inputs.get(name, True):
            own = inputs.get("overrideSpecial") if name == "special" else None
            found.append((int(inputs.get(least, 0)), own or characters))
    return found
