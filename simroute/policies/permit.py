"""Say who must not see a request, whatever happens."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from simroute.core import Call, Outcome, Request, Send, Target, World, layer
from simroute.core.params import Doc, PlaceName, WhoName
from simroute.core.target import EVERYBODY, forbidden_name


@layer("permit")
@dataclass
class Permit:
    """Rules of residency and privacy that hold for a request wherever it goes from here: no choice,
    no retry and no fallback sends it where they forbid, and what is sent there all the same is
    refused (403, `refused: forbids`).

    Who is a user, a task or a feature, or `*` for everybody; a place is a provider, a domain (its
    region) or a single deployment. All rules that concern a request hold at once. A place that no
    deployment has allows nothing and forbids nobody, so a misspelt `only` refuses rather than lets
    through; names that are near to a known one are refused before anything runs. A ping is
    nobody's request, and goes where it is sent.

    Source: providers' data-residency terms as gateways enforce them (OpenRouter's `only` and
    `ignore`, Portkey's conditional routing on metadata).

    Example:

        permit:   {only: {acme: [anthropic, openai]}, forbid: {extract: [deepseek]}}
        fallback: {targets: [first, other_company, cheapest]}
        timeout:  {total: 30s, first_token: 10s}

    Interplay: It says who may not, never who shall: layers inside choose among those that are left,
    so a fallback needs a second target for each rule, or the requests of that rule have nobody when
    the first fails. What stands outside has chosen without it: a route outside that aims where it
    must not go aims again only if it stands inside. A cache gives no request the answer of a place
    that it forbids, but one outside does not know these rules yet: put it inside. What the
    scenario's `only` and `forbid`, or a caller, say holds as well.
    """

    restricts: ClassVar[bool] = True

    only: Annotated[
        dict[WhoName, tuple[PlaceName, ...]], Doc("whose requests must stay with these places")
    ] = field(default_factory=dict)
    forbid: Annotated[
        dict[WhoName, tuple[PlaceName, ...]], Doc("whose requests these places must not see")
    ] = field(default_factory=dict)

    def __call__(self, call: Call, send: Send, world: World) -> Awaitable[Outcome]:
        allowed, closed = self._of(call.request, self.only), self._of(call.request, self.forbid)
        forbids = frozenset(
            forbidden_name(target.name)
            for target in world.targets().values()
            if any(_lies_in(target, places) for places in closed)
            or not all(_lies_in(target, places) for places in allowed)
        )
        if forbids:
            world.forbid(call, forbids)
        return send(call)

    def _of(self, request: Request, rules: dict[str, tuple[str, ...]]) -> list[tuple[str, ...]]:
        who = (request.user, request.feature, request.task, EVERYBODY) if rules else ()
        return [rules[name] for name in who if name in rules]


def _lies_in(target: Target, places: tuple[str, ...]) -> bool:
    return target.name in places or target.provider in places or target.domain in places
