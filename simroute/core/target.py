"""Whom a call can be sent to, as far as a policy may know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple


class Price(NamedTuple):
    """USD per million tokens; `cached`: of input that the provider reads from its cache, None where that costs as much as any."""

    input: float
    output: float
    cached: float | None = None

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """USD for so many tokens."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6

    @property
    def blended(self) -> float:
        """USD per million tokens at three input tokens to one of output, the customary mix for ranking models."""
        return (3 * self.input + self.output) / 4


class Target(NamedTuple):
    """A deployment: one model at one provider. `family` groups siblings (claude, gpt, gemini, llama …).

    rpm, tpm: the provider's limits a minute, None where there is none.
    """

    name: str
    provider: str
    model: str
    family: str
    rpm: float | None = None
    tpm: float | None = None


FIRST, CHEAPEST, OTHER_COMPANY, SAME_FAMILY = ROLES = ("first", "cheapest", "other_company", "same_family")
"""What a target may be called when one does not know its name:
the first deployment; the cheapest one; the first of a provider not yet in the list; the next one of the same family as the first named."""


def resolve(wanted: Iterable[str], targets: Mapping[str, Target], price: Callable[[str], Price]) -> list[str]:
    """Names of deployments for a list of names and roles, in order, each deployment once; a role that nobody fills is left out.

    Raises KeyError for a name that is neither a deployment nor a role.
    """
    found: list[str] = []
    for name in wanted:
        free = [target for target in targets.values() if target.name not in found]
        lead = targets[found[0]] if found else next(iter(targets.values()))
        if name in targets:
            fits = [targets[name]] if name not in found else []
        elif name == FIRST:
            fits = [target for target in free if target.name == next(iter(targets))]
        elif name == CHEAPEST:
            fits = sorted(free, key=lambda target: price(target.name).blended)
        elif name == OTHER_COMPANY:
            used = {targets[other].provider for other in found} or {lead.provider}
            fits = [target for target in free if target.provider not in used]
        elif name == SAME_FAMILY:
            fits = [target for target in free if target.family == lead.family and target.name != lead.name]
        else:
            raise KeyError(name)
        if fits:
            found.append(fits[0].name)
    return found
