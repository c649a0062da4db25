"""One request through the Router: fallback groups around retries around one send."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from simroute.core import Call, Outcome, Rest, Send, World, layer
from simroute.core.value import value
from simroute.gateways.litellm.errors import (
    AGAIN,
    LATER,
    OVER_LIMIT,
    OWN,
    REFUSALS,
    RETRIES,
    SPECIAL,
    ErrorClass,
    class_of,
    is_broken,
    stated,
)
from simroute.gateways.litellm.fleet import Fleet, Wanted
from simroute.gateways.litellm.pauses import FIRST_DELAY, MOST_ASKED, MOST_DELAY, whole
from simroute.gateways.litellm.settings import Settings


@value
class Ride:
    """One request on its way. asked: groups, and levels of `order` of groups, that it has been sent
    to; first: the group that its caller named; depth: how many fallbacks it has taken so far, those
    that stood before in the same list included; level: of `order`, where one is to be asked."""

    call: Call
    send: Send
    world: World
    fleet: Fleet
    asked: set[tuple[str, int | None]]
    first: str
    depth: int = 0
    level: int | None = None

    def behind(self, level: int | None) -> Ride:
        """The same after one more fallback, at this level."""
        depth = self.depth + 1
        return Ride(
            self.call, self.send, self.world, self.fleet, self.asked, self.first, depth, level
        )


@layer("litellm")
@dataclass
class LiteLLM(Settings):
    """The LiteLLM Router as it decides, in its own words: `groups` are the entries of model_list by
    model_name, and the task of a request is the name that its caller used (any other: the first
    group).

    A request is tried in its group, cooled deployments left out, then in the group's fallbacks,
    each with retries of its own. There is no deadline over all of it and no half-open state. The
    pause between tries is also made after the last one, unless the group has another deployment
    left. Every error falls back, a 400 as well. When all fail the first group's error is returned.
    A ping, or a breaker's trial of a single send, goes to the deployment that it names, cooled or
    not, and no further. Not imitated: priority queues, tags, redis.
    Source: litellm 1.83.14, 1.106.2 and 1.109.3, its code read and the unmodified Router run in
    virtual time.

    Example:

        litellm:
          groups: {main: [first], backup: [other_company]}
          fallbacks: {main: [backup]}
          timeout: 30s

    Interplay: `num_retries` 2 with the default pauses makes a fallback from a group of one start
    3.5 s after three failures, and 33.5 s with a `timeout` of 10 s, since each try waits it out.
    `cooldown_time` is 5 s: too short for an outage, and a group of one never cools by 5xx, unless
    `allowed_fails` is given (other than 3). In a group of several, half of a minute's calls must
    fail before a deployment is left out, which then gets all of its traffic at once again.
    """

    def __post_init__(self) -> None:
        self._fleet: Fleet | None = None

    def mistakes(self) -> Iterator[str]:
        """Names of groups that there are not, and groups of nobody."""
        known = self.groups or {"main": ("first",)}
        for name, targets in known.items():
            if not targets:
                yield f"groups.{name}: nobody is in it; name a deployment, or leave the group out"
        named = {
            "fallbacks": self.fallbacks,
            "context_window_fallbacks": self.context_window_fallbacks,
            "content_policy_fallbacks": self.content_policy_fallbacks,
            "default_fallbacks": {"": self.default_fallbacks},
        }
        for key, chains in named.items():
            for name in dict.fromkeys(name for chain in chains.values() for name in chain):
                if name not in known and name not in self.model_group_alias:
                    yield f"{key}: there is no group {name!r}; groups has {', '.join(known)}"
        for alias, name in self.model_group_alias.items():
            if name not in known:
                groups = ", ".join(known)
                yield f"model_group_alias.{alias}: there is no group {name!r}; groups has {groups}"

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        fleet = self._fleet = self._fleet or Fleet(self, world)
        name = self._name(call, fleet)
        if name is None:
            return await send(call)
        ride = Ride(call, send, world, fleet, set(), name)
        return await self._asked(ride, name)

    def _name(self, call: Call, fleet: Fleet) -> str | None:
        """Which group a call asks for; None where it has a target of no group."""
        if call.target is not None:
            return next((each for each in fleet.groups if call.target in fleet.groups[each]), None)
        name = call.request.task
        if name in fleet.groups or name in self.model_group_alias:
            return name
        return next(iter(fleet.groups))

    # -- fallbacks -------------------------------------------------------------------------------

    async def _asked(self, ride: Ride, name: str) -> Outcome:
        """A group, and what stands behind it."""
        outcome = await self._tried(ride, name)
        if not outcome.ok:
            return await self._fall_back(ride, name, outcome)
        if outcome.rest is None or self.profile == "1.109":
            return outcome

        async def read_on(rest: Rest) -> Outcome:
            final = await rest
            begun = self.profile != "1.83" and self._has_begun(ride, final)
            mended = is_broken(final) or (self.profile != "1.83" and bool(final.limit))
            if final.ok or begun or not mended:
                return final
            more = await self._mend(ride, name, final)
            return more if more.rest is None else await more.rest

        return outcome.wrap(read_on)

    def _has_begun(self, ride: Ride, final: Outcome) -> bool:
        """Whether a stream that failed had given anything; here its head is its first token."""
        return bool(final.limit) or final.output_tokens > 0

    async def _mend(self, ride: Ride, name: str, failed: Outcome) -> Outcome:
        """What takes the place of a stream that broke off after its head."""
        return await self._fall_back(ride, name, failed)

    async def _fall_back(self, ride: Ride, name: str, failed: Outcome) -> Outcome:
        """Each group behind this one, until one answers; else the first error, or the last where
        the group has levels of `order`."""
        if ride.call.once or ride.depth >= self._deepest():
            return failed
        kind = self._class(failed, ride.world)
        orders = [] if kind in SPECIAL else ride.fleet.orders(name)
        last = failed
        ride.asked.add((name, None))
        for level, group in self._behind(ride, name, kind, orders):
            if self.profile != "1.83" and (group, level) in ride.asked:
                continue
            ride.asked.add((group, level))
            status = last.status
            ride.world.emit("fell_back", ride.call, target=last.target, status=status, to=group)
            ride = ride.behind(level)
            last = await self._asked(ride, group)
            if last.ok:
                return last
        return last if len(orders) > 1 else failed

    def _deepest(self) -> int:
        return self.max_fallbacks

    def _behind(
        self, ride: Ride, name: str, kind: ErrorClass | None, orders: list[int]
    ) -> Iterator[tuple[int | None, str]]:
        """Higher levels of `order` of the same group, then other groups, which in 1.83 inherit the
        last level."""
        level = ride.level
        if len(orders) > 1:
            least = orders[0] if level is None else level
            for level in [each for each in orders if each > least]:
                yield level, name
        for group in self._chain(ride, name, kind):
            if group != name:
                yield level if self.profile == "1.83" else None, group

    def _chain(self, ride: Ride, name: str, kind: ErrorClass | None) -> Sequence[str]:
        """The groups that stand behind one, for this class of error."""
        special = {
            "ContextWindowExceededError": self.context_window_fallbacks,
            "ContentPolicyViolationError": self.content_policy_fallbacks,
        }.get(kind or "")
        if special:
            return self._listed(special, ride, name) or ()
        chain = self._listed(self.fallbacks, ride, name)
        return self.default_fallbacks if chain is None else chain

    def _listed(
        self, chains: Mapping[str, Sequence[str]], ride: Ride, name: str
    ) -> Sequence[str] | None:
        """What stands behind a model holds for it at a provider (`openai/x`), too, but for refused
        prompts; from 1.106 on, what stands behind the first group holds for those after it that
        have nothing, and `*` for all."""
        late = self.profile != "1.83"
        for group in (name, ride.first) if late else (name,):
            if group in chains:
                return chains[group]
            if late or chains is self.fallbacks:
                _, _, model = group.partition("/")
                if model in chains:
                    return chains[model]
        return chains.get("*") if late else None

    # -- retries ---------------------------------------------------------------------------------

    async def _tried(self, ride: Ride, name: str) -> Outcome:
        """A group (of it, one level of `order`), until it answers or has no try left. How many
        there are, the first failure says."""
        world, fleet = ride.world, ride.fleet
        wanted = Wanted(ride.call, ride.send, world, name, ride.level)
        outcome = await fleet.send(wanted)
        if outcome.ok or ride.call.once:
            return outcome
        kind = self._class(outcome, world)
        own = self._by_policy(name, kind)
        most = self._most_retries(fleet, outcome) if own is None else own
        if most == 0:
            return outcome
        alone, late = len(fleet.members(name)) == 1, self.profile != "1.83"
        for tries in range(most + 1):
            left = fleet.is_left(world.now(), name)
            over = own is None and not (left and is_worth_more(kind, alone))
            if over or self._is_over(outcome):
                return outcome
            if alone or not left:
                await world.sleep(self._pause(ride, outcome, tries))  # after the last one, too
            if tries < most:
                world.emit("retried", ride.call, target=outcome.target, status=outcome.status)
                if late and kind in REFUSALS and outcome.target is not None:
                    wanted = wanted.without(outcome.target)
                outcome = await fleet.send(wanted)
                if outcome.ok:
                    return outcome
                kind = self._class(outcome, world)
        return outcome

    def _most_retries(self, fleet: Fleet, outcome: Outcome) -> int:
        if outcome.error == OVER_LIMIT:
            return 0
        failed = fleet.known.get(outcome.target or "")
        own = None if failed is None else failed.num_retries
        return self.num_retries if own is None else own

    def _is_over(self, outcome: Outcome) -> bool:
        """A stream that broke off after its head is not tried again in its group."""
        return self.profile != "1.109" and is_broken(outcome)

    def _by_policy(self, group: str, kind: ErrorClass | None) -> int | None:
        """Retries that a policy states for this class of error, of those that this version reads; a
        prompt that was refused is a bad request, too."""
        policy = self.model_group_retry_policy.get(group, self.retry_policy)
        if kind is None or (kind in LATER and self.profile == "1.83"):
            return None
        own = stated(policy, kind, RETRIES)
        if own is None and kind in SPECIAL:
            own = stated(policy, "BadRequestError", RETRIES)
        return stated(policy, "Default", RETRIES) if own is None and self.profile != "1.83" else own

    def _pause(self, ride: Ride, outcome: Outcome, tries: int) -> float:
        """Seconds until the next try, where nobody else is in the group."""
        asked = whole(outcome.retry_after)
        if asked is None or not 0 < asked <= MOST_ASKED:
            asked = min(max(FIRST_DELAY * 2.0**tries, self.retry_after), MOST_DELAY)
        return asked + (self.jitter and self.jitter * ride.world.uniform("jitter", ride.call))

    def _class(self, outcome: Outcome, world: World) -> ErrorClass | None:
        """None of what the Router itself said, but for a limit that it keeps."""
        if outcome.error in OWN:
            return None
        known = world.targets().get(outcome.target or "")
        return class_of(outcome, "" if known is None else known.provider)


def is_worth_more(kind: ErrorClass | None, alone: bool) -> bool:
    """Whether a group with somebody left is asked again, where no policy says so."""
    return kind is None or (kind in AGAIN and not (alone and kind == "AuthenticationError"))
