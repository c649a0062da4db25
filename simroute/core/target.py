"""Whom a call can be sent to, as far as a policy may know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, NamedTuple


class Price(NamedTuple):
    """USD per million tokens; `cached`: of input that the provider reads from its cache, `written`:
    of input that it writes there, None where that costs as much as any; `call`: USD for each call
    besides.

    `tiers`: (input tokens, price) in order: a call whose input, cached or not, has more tokens than
    that costs this, all of it.
    """

    input: float
    output: float
    cached: float | None = None
    written: float | None = None
    call: float = 0.0
    tiers: tuple[tuple[int, Price], ...] = ()

    def of(self, input_tokens: float, output_tokens: float) -> float:
        """USD for a call with so many tokens."""
        here = self.at(input_tokens) if self.tiers else self
        return (input_tokens * here.input + output_tokens * here.output) / 1e6 + here.call

    def most(self, input_tokens: float, output_tokens: float) -> float:
        """USD for a call with so many tokens at most: with all of its input written to the
        provider's cache, where that costs more."""
        here = self.at(input_tokens)
        dearer = 0.0 if here.written is None else max(0.0, here.written - here.input)
        return self.of(input_tokens, output_tokens) + input_tokens * dearer / 1e6

    def at(self, input_tokens: float) -> Price:
        """What holds for a call with so many input tokens."""
        if not self.tiers:
            return self
        return next((tier for above, tier in reversed(self.tiers) if input_tokens > above), self)

    @property
    def blended(self) -> float:
        """USD per million tokens of small calls at three input tokens to one of output, the
        customary mix for ranking models."""
        return (3 * self.input + self.output) / 4


class Allowance(NamedTuple):
    """What a provider says of one of its limits. granted: how much there may be at once; left: how
    much there is; reset: seconds until there is all of it. NaN where it does not say."""

    granted: float
    left: float
    reset: float


class Target(NamedTuple):
    """A deployment: one model at one provider. `family` groups siblings (claude, gpt, gemini, llama
    …).

    rpm, tpm: the provider's limits a minute, None where there is none. window: seconds over which
    it counts requests. domain: a region, or what else it may fail with, "" where none is stated.
    knows_repeats: by an idempotency key.
    """

    name: str
    provider: str
    model: str
    family: str
    rpm: float | None = None
    tpm: float | None = None
    window: float = 60.0
    domain: str = ""
    knows_repeats: bool = False


EVERYBODY = "*"
"""Who is meant where a rule holds for all users, tasks and features."""


def forbidden_name(name: str) -> str:
    """How `Request.forbids` says a single deployment, where others of its provider are allowed."""
    return f"deployment {name}"


def permits(forbids: frozenset[str], target: Target) -> bool:
    """Whether a request that forbids these may be sent there."""
    return target.provider not in forbids and forbidden_name(target.name) not in forbids


def permitted(forbids: frozenset[str], targets: Mapping[str, Target]) -> dict[str, Target]:
    """Those of the targets to which a request that forbids these may be sent."""
    return {name: target for name, target in targets.items() if permits(forbids, target)}


Shared = Literal["targets", "model", "family", "provider"]


def sharing(names: list[str], lead: str, targets: Mapping[str, Target], what: Shared) -> list[str]:
    """Those of the names that have what `lead` has (`targets`: all of them), itself if none."""
    if what == "targets":
        return names
    own = getattr(targets[lead], what)
    return [name for name in names if getattr(targets[name], what) == own] or [lead]


def next_alike(
    here: str | None, targets: Mapping[str, Target], what: str, forbids: frozenset[str]
) -> str | None:
    """The next deployment, in order and round again, that has the same `what` (such as the model)
    and is permitted; None where there is no other. here: None for the first of all."""
    here = next(iter(targets)) if here is None else here
    alike = getattr(targets[here], what)
    group = [
        name
        for name, target in targets.items()
        if name == here or (getattr(target, what) == alike and permits(forbids, target))
    ]
    following = group[(group.index(here) + 1) % len(group)]
    return None if following == here else following


FIRST, CHEAPEST, OTHER_COMPANY, SAME_FAMILY, SAME_MODEL, OTHER_MODEL = ROLES = (
    "first",
    "cheapest",
    "other_company",
    "same_family",
    "same_model",
    "other_model",
)
"""What a target may be called when one does not know its name:
the first deployment; the cheapest one; the first of a provider not yet in the list; the next one of
the same family, or of the same model, as the first named; the first of a model not yet in the list.
"""


def resolve_numbers(
    table: Mapping[str, float], targets: Mapping[str, Target], price: Callable[[str], Price]
) -> dict[str, float]:
    """A number for each deployment, from those for names and roles, which add up."""
    numbers: dict[str, float] = {}
    for wanted, number in table.items():
        for name in resolve([wanted], targets, price):
            numbers[name] = numbers.get(name, 0.0) + number
    return numbers


def resolve(
    roles: Iterable[str], targets: Mapping[str, Target], price: Callable[[str], Price]
) -> list[str]:
    """Names of deployments for a list of names and roles, in order, each deployment once; a role
    that nobody fills is left out.

    Raises KeyError for a name that is neither a deployment nor a role.
    """
    names: list[str] = []
    for name in roles:
        free = [target for target in targets.values() if target.name not in names]
        lead = targets[names[0]] if names else next(iter(targets.values()))
        if name in targets:
            fits = [targets[name]] if name not in names else []
        elif name == FIRST:
            fits = [target for target in free if target.name == next(iter(targets))]
        elif name == CHEAPEST:
            fits = sorted(free, key=lambda target: price(target.name).blended)
        elif name == OTHER_COMPANY:
            used = {targets[other].provider for other in names} or {lead.provider}
            fits = [target for target in free if target.provider not in used]
        elif name == SAME_FAMILY:
            fits = [
                target
                for target in free
                if target.family == lead.family and target.name != lead.name
            ]
        elif name == SAME_MODEL:
            fits = [
                target for target in free if target.model == lead.model and target.name != lead.name
            ]
        elif name == OTHER_MODEL:
            used = {targets[other].model for other in names} or {lead.model}
            fits = [target for target in free if target.model not in used]
        else:
            raise KeyError(name)
        if fits:
            names.append(fits[0].name)
    return names
