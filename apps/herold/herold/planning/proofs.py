"""What proofs show and to whom: every language and every branch of a message, to the seeds of its sender.

Readers are made up; seeds are the only inboxes. Of a branch, who is mailed, over which relay and in whose name is what
BASE says: a branch that nobody has looked at yet can't name an inbox, a relay or a secret.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest

from herold.audience.addresses import domain_of, normalise
from herold.audience.allowlist import is_allowed
from herold.errors import InvalidInput, Mistake
from herold.message.readers import Reader, Readers, choose_readers
from herold.message.template import CannotRender, CompiledTemplate
from herold.planning.branch import Branch, CampaignChange
from herold.planning.samples import sample_composer
from herold.resources.meta import Key
from herold.resources.paths import Path, dotted
from herold.resources.resolved import Proof, ResolvedCampaign
from herold.resources.sender import Seed, SenderProfile
from herold.words import count

MOST_SEEDS = 10
MOST_READERS = 4  # of a language
MOST_SHOWN = 40  # of a campaign; a template has 32 languages at most, and each is shown
MOST_MAILS = 400  # of one command

# Where a mistake of a resource stands: with its line, where there is a file at hand.
Place = Callable[[Key, Path, str, str], Mistake]


@dataclass(frozen=True, slots=True)
class PlannedProofs:
    """Of one campaign. `proofs` are not started yet; `notes`: what they don't show, in whole sentences."""

    name: str
    environment: str
    intent: str
    proofs: tuple[ResolvedCampaign, ...]
    notes: tuple[str, ...] = ()

    @property
    def mails(self) -> int:
        """How many messages that is."""
        return sum(len(each.seeds) for each in self.proofs)


@dataclass(frozen=True, slots=True)
class Selection:
    """`left_out`: what is not proven, and why, in whole sentences."""

    planned: tuple[PlannedProofs, ...]
    left_out: tuple[str, ...] = ()


def by_name(key: Key, path: Path, message: str, fix: str) -> Mistake:
    """The place of a mistake in a resource that is read from Git."""
    return Mistake(f"{key[0]} {key[1]}/{key[2]}", 0, 0, dotted(path), message, fix)


def plan_proofs(
    resolved: ResolvedCampaign,
    environment: str,
    *,
    now: datetime,
    sender: SenderProfile | None = None,
    place: Place = by_name,
) -> PlannedProofs:
    """The proofs of one campaign, in the name of `sender` where that is not the campaign's own.

    Raises InvalidInput with everything that is in their way.
    """
    shown = resolved if sender is None else replace(resolved, sender=sender)
    mistakes = [*_seed_mistakes(shown.sender, place)]
    try:
        template = sample_composer(shown, now).template
    except InvalidInput as error:
        raise InvalidInput([*mistakes, *error.mistakes], what="proofs") from None
    except CannotRender as error:  # for nobody at all
        mistakes.append(place(shown.template.key, ("spec",), error.message, "mend the template"))
        raise InvalidInput(mistakes, what="proofs") from None
    seeds, notes = _seeds(shown.sender)
    chosen = {
        locale: choose_readers(shown.template, shown.schema, template, locale, most=MOST_READERS)
        for locale in template.locales
    }
    showings = list(_in_turn(chosen))
    mistakes += _render_mistakes(shown, template, showings[:MOST_SHOWN], place)
    if mistakes:
        raise InvalidInput(mistakes, what="proofs")
    intent = resolved.intent_digest()
    if sender is not None and sender.spec != resolved.sender.spec:
        name = f"{sender.metadata.namespace}/{sender.metadata.name}"
        notes.append(f"They go out as SenderProfile {name} is in the base: what the branch changes in it is not shown.")
    notes += [
        f"{locale}: {count(each.missed, 'branch', 'branches')} of {each.branches} of the template are shown to nobody."
        for locale, each in chosen.items()
        if each.missed
    ]
    if len(showings) > MOST_SHOWN:
        notes.append(f"{count(len(showings) - MOST_SHOWN, 'further reader')} did not fit.")
    return PlannedProofs(
        resolved.name,
        environment,
        intent,
        tuple(
            shown.as_proof(1, Proof(intent, locale, reader.words, reader.attributes, _to(seeds, template, locale)))
            for locale, reader in showings[:MOST_SHOWN]
        ),
        tuple(notes),
    )


def plan_branch_proofs(branch: Branch, environment: str, *, now: datetime) -> Selection:
    """Of every campaign that a branch adds, edits or hits in one environment.

    Raises InvalidInput with every mistake of the branch and everything else that is in the way.
    """
    mistakes = list(branch.mistakes)
    planned: list[PlannedProofs] = []
    left_out: list[str] = []
    order = ("Added", "Edited", "Affected", "Broken")
    changes = [each for each in branch.changes if each.what in order]
    for change in sorted(changes, key=lambda each: order.index(each.what)):
        if change.environment != environment:
            continue
        if change.after is None:
            if not branch.mistakes:
                mistakes.append(Mistake(f"Campaign {change.name}", 0, 0, "", "has mistakes", "see: herold validate"))
        elif change.after.campaign.spec.mode == "Proof":
            left_out.append(f"{change.name} is a proof itself: the seeds get it once it is merged.")
        else:
            try:
                planned.append(_of_change(change, change.after, now))
            except InvalidInput as error:
                mistakes += error.mistakes
    if mistakes:
        raise InvalidInput(list(dict.fromkeys(mistakes)), what="proofs")
    for other, number in sorted(Counter(each.environment for each in changes).items()):
        if other != environment:
            left_out.append(f"{count(number, 'campaign')} of {other}: with HEROLD_ENVIRONMENT={other}.")
    fitting = [*_fitting(planned)]
    if len(fitting) < len(planned):
        number = len(planned) - len(fitting)
        left_out.append(
            f"{count(number, 'more campaign')}, for one command sends {MOST_MAILS} mails at most: prove them by name."
        )
    return Selection(tuple(fitting), tuple(left_out))


def _of_change(change: CampaignChange, after: ResolvedCampaign, now: datetime) -> PlannedProofs:
    if change.sender is None:
        message = "is not in the base of this branch, and that says who is mailed and over which relay"
        key = after.sender.key
        raise InvalidInput([by_name(key, (), message, "merge the SenderProfile first")], what="proofs")
    return plan_proofs(after, change.environment, now=now, sender=change.sender)


def _fitting(planned: list[PlannedProofs]) -> Iterator[PlannedProofs]:
    left = MOST_MAILS
    for each in planned:
        left -= each.mails
        if left < 0:
            return
        yield each


def _seed_mistakes(sender: SenderProfile, place: Place) -> Iterator[Mistake]:
    if not sender.spec.seeds:
        yield place(sender.key, ("spec",), "the sender has no seeds, so a proof reaches nobody", "add spec.seeds")
    for index, seed in enumerate(sender.spec.seeds):
        address = normalise(seed.address)
        if not is_allowed(address, domain_of(address), sender.spec.allow):
            path: Path = ("spec", "seeds", index, "address")
            yield place(sender.key, path, "this sender may not reach it", "name it under spec.allow, or remove it")


def _seeds(sender: SenderProfile) -> tuple[list[Seed], list[str]]:
    """Each with a name, and once."""
    found: dict[str, Seed] = {}
    for index, seed in enumerate(sender.spec.seeds, start=1):
        found.setdefault(normalise(seed.address), seed.model_copy(update={"name": seed.name or f"seed-{index}"}))
    seeds = list(found.values())
    more = len(seeds) - MOST_SEEDS
    return seeds[:MOST_SEEDS], [f"The last {count(more, 'seed')} of the sender get none."] if more > 0 else []


def _to(seeds: list[Seed], template: CompiledTemplate, locale: str) -> tuple[Seed, ...]:
    """Seeds get their own language; a language that no seed has goes to all."""
    own = tuple(seed for seed in seeds if template.content(seed.locale).locale == locale)
    return own or tuple(seeds)


def _in_turn(chosen: dict[str, Readers]) -> Iterator[tuple[str, Reader]]:
    """The first readers of all languages, then the second ones."""
    for row in zip_longest(*(each.chosen for each in chosen.values())):
        yield from ((locale, reader) for locale, reader in zip(chosen, row, strict=True) if reader is not None)


def _render_mistakes(
    resolved: ResolvedCampaign, template: CompiledTemplate, showings: list[tuple[str, Reader]], place: Place
) -> Iterator[Mistake]:
    for locale, reader in showings:
        try:
            template.content(locale).render(reader.attributes, resolved.sender.spec.unsubscribe_url)
        except CannotRender as error:
            message = f"for a reader ({reader.words}): {error.message}"
            yield place(resolved.template.key, ("spec",), message, "mend the template, or give a default")
