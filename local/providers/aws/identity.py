"""Names that AWS takes once: two resources of a program that claim the same one are a mistake before AWS says so."""

from __future__ import annotations

from local.providers import wire
from local.providers.server import Mistake
from local.providers.wire import Properties

# The properties that together name a resource within an account and region.
NAMED_BY: dict[str, tuple[str, ...]] = {
    "aws:iam/rolePolicy:RolePolicy": ("role", "name"),
    "aws:route53/record:Record": ("zoneId", "name", "type", "setIdentifier"),
}


class Names:
    """Who has claimed which name in this run."""

    def __init__(self) -> None:
        self._taken: dict[tuple[str, ...], str] = {}

    def claim(self, kind: str, urn: str, inputs: Properties) -> list[Mistake]:
        """Claim the resource's name. A mistake names who has it already."""
        properties = NAMED_BY.get(kind, ("name",) if isinstance(inputs.get("name"), str) else ())
        values = [inputs.get(key) for key in properties]
        if not properties or any(value is None or wire.has_unknown(value) for value in values):
            return []
        name = (kind, str(inputs.get("region", "")), *map(str, values))
        holder = self._taken.setdefault(name, urn)
        if holder == urn:
            return []
        return [Mistake(properties[0], f"{' '.join(map(str, values))} is taken by {holder.rpartition('::')[2]}")]
