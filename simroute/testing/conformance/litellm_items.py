"""Items of litellm_runs.json: what the Router is told, in our words, and what single requests and
answers say besides."""

from __future__ import annotations

import email.utils
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import fields
from typing import Any

from simroute.core import Call, Outcome, Price, Send, World
from simroute.gateways.litellm.errors import ErrorClass
from simroute.gateways.litellm.fleet import Fleet
from simroute.gateways.litellm.router import LiteLLM, Ride
from simroute.gateways.litellm.selection import Deployment
from simroute.gateways.litellm.settings import ProviderBudget
from simroute.testing.conformance.verdict import Config, skip_if

BEGIN = 1_700_000_040
"""t = 0 of all runs, as Unix time."""
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "mo": 2_592_000.0}
OWN_CHAINS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
OF_KIND = {
    "ContextWindowExceededError": "context_window_fallbacks",
    "ContentPolicyViolationError": "content_policy_fallbacks",
}
KNOWN_KWARGS = {*OWN_CHAINS, "num_retries", "timeout", "stream_timeout", "disable_fallbacks"}
"""What a request may bring of its own."""
SAME_NAME = (
    "num_retries",
    "retry_after",
    "timeout",
    "stream_timeout",
    "max_fallbacks",
    "allowed_fails",
    "cooldown_time",
    "disable_cooldowns",
    "enable_pre_call_checks",
    "cache_responses",
    "routing_strategy",
    "model_group_alias",
    "default_max_parallel_requests",
)
TELLS_NOTHING = {
    "model",
    "api_base",
    "api_key",
    "api_version",
    "custom_llm_provider",
    "max_retries",
    "region_name",
    "input_cost_per_token",
    "output_cost_per_token",
    "request_timeout",
}
"""Of litellm_params: read elsewhere, or of no effect against a scripted upstream."""
LIMIT: ContextVar[float] = ContextVar("LIMIT")
"""Seconds for each read of the send at hand."""
ASKED: ContextVar[Mapping[str, Any]] = ContextVar("ASKED", default={})  # noqa: B039 - never written
"""What the request at hand brings of its own: it holds for its whole task."""


class AskedRouter(LiteLLM):
    """The Router, and what requests say: a retry count counts unless the deployment has its own (in
    1.109 in any case, and none is none whatever a policy says), a timeout in any case."""

    async def __call__(self, call: Call, send: Send, world: World) -> Outcome:
        self._fleet = self._fleet or AskedFleet(self, world)
        return await super().__call__(call, send, world)

    def _most_retries(self, fleet: Fleet, outcome: Outcome) -> int:
        own = ASKED.get().get("num_retries")
        if own is not None and self.profile != "1.83":
            return int(own)
        failed = fleet.known.get(outcome.target or "")
        if failed is not None and failed.num_retries is not None:
            return failed.num_retries
        return self.num_retries if own is None else int(own)

    def _by_policy(self, group: str, kind: ErrorClass | None) -> int | None:
        if ASKED.get().get("num_retries") == 0 and self.profile != "1.83":
            return None
        return super()._by_policy(group, kind)

    async def _fall_back(self, ride: Ride, name: str, failed: Outcome) -> Outcome:
        if ASKED.get().get("disable_fallbacks"):
            return failed
        return await super()._fall_back(ride, name, failed)

    def _chain(self, name: str, kind: ErrorClass | None) -> Sequence[str]:
        """A request's own lists stand for the Router's, wherever it has got to."""
        own, special = ASKED.get(), OF_KIND.get(kind or "")
        if special and own.get(special) is not None:
            return chain_of(name, own[special])
        if own.get("fallbacks") is None or (special and getattr(self, special)):
            return super()._chain(name, kind)
        return chain_of(name, own["fallbacks"])


class AskedFleet(Fleet):
    """The deployments, asked for as long as a request says, read by read: the upstream keeps to
    it."""

    async def _bounded(self, world: World, limit: float, sent: Awaitable[Outcome]) -> Outcome:
        LIMIT.set(limit)
        return await sent

    def _limit(self, own: Deployment, streamed: bool) -> float:
        asked = ASKED.get()
        if streamed:
            first = asked.get("stream_timeout") or own.stream_timeout or self._is.stream_timeout
            if first:
                return float(first)
        return float(asked.get("timeout") or super()._limit(own, False))


def settings_of(item: Config) -> dict[str, Any]:
    """`router_settings`, and lists of fallbacks beside them, in our words."""
    given = {**(item.get("router_settings") or {})}
    given |= {name: item[name] for name in OWN_CHAINS if name in item}
    made: dict[str, Any] = {
        name: given.pop(name) for name in SAME_NAME if given.get(name) is not None
    }
    for name in OWN_CHAINS:
        made[name] = {
            key: tuple(groups)
            for each in given.pop(name, None) or ()
            for key, groups in each.items()
        }
    made["default_fallbacks"] = tuple(given.pop("default_fallbacks", None) or ())
    made["retry_policy"] = _by_class(given.pop("retry_policy", None), "Retries")
    made["model_group_retry_policy"] = {
        group: _by_class(policy, "Retries")
        for group, policy in (given.pop("model_group_retry_policy", None) or {}).items()
    }
    made["allowed_fails_policy"] = _by_class(
        given.pop("allowed_fails_policy", None), "AllowedFails"
    )
    made["provider_budget_config"] = {
        provider: ProviderBudget(each["budget_limit"], _period(each.get("time_period") or "1d"))
        for provider, each in (given.pop("provider_budget_config", None) or {}).items()
    }
    arguments = dict(given.pop("routing_strategy_args", None) or {})
    for name in ("lowest_latency_buffer", "ttl", "max_latency_list_size"):
        if (value := arguments.pop(name, None)) is not None:
            made[name] = value
    for left in (arguments, given):
        for name, value in left.items():
            skip_if(value is not None, f"the setting {name} of the Router")
    return made


def _by_class(policy: Mapping[str, int] | None, suffix: str) -> dict[str, int]:
    names = {key.removesuffix(suffix): value for key, value in (policy or {}).items()}
    return {
        "Timeout" if name == "TimeoutError" else name: value
        for name, value in names.items()
        if value is not None
    }


def _period(text: str) -> float:
    number = text.rstrip("smhdwo")
    return float(number) * UNITS[text.removeprefix(number)]


def chain_of(asked: str, given: list[Any]) -> tuple[str, ...]:
    """A request's own fallbacks: groups, or groups by the name that they stand behind."""
    groups: list[str] = []
    for each in given:
        groups += each.get(asked, ()) if isinstance(each, dict) else [each]
    return tuple(groups)


def provider_of(entry: Config) -> str:
    """Whose API it is: what stands before the model's name, if anything does."""
    given = entry["litellm_params"]
    named = str(given["model"]).partition("/")
    return str(given.get("custom_llm_provider") or (named[0] if named[1] else "openai"))


def deployments_of(item: Config) -> Iterator[tuple[str, Config, Deployment, Price]]:
    """Id, entry, parameters and price of each entry of `model_list`."""
    known = {field.name for field in fields(Deployment)}
    for place, entry in enumerate(item["model_list"]):
        info, given = entry.get("model_info") or {}, dict(entry["litellm_params"])
        for key, value in given.items():
            idle = key in known or key in TELLS_NOTHING or value is None
            skip_if(not idle, f"the parameter {key} of a deployment")
        given["timeout"] = given.get("timeout", given.pop("request_timeout", None))
        name = str(info.get("id", f"{entry['model_name']}-{place}"))
        for key in ("rpm", "tpm", "max_input_tokens"):  # these may stand beside litellm_params
            value = given.get(key, entry.get(key, info.get(key)))
            if value is not None:
                given[key] = value
        costs = given.get("input_cost_per_token"), given.get("output_cost_per_token")
        unknown = 5e6 if None in costs else 0.0
        made = {key: value for key, value in given.items() if key in known and value is not None}
        into, out = (unknown if cost is None else cost * 1e6 for cost in costs)
        yield name, entry, Deployment(**made), Price(into, out)


def retry_after(answer: Config, now: float) -> float | None:
    """Seconds of the header, where it has whole ones or a date; anything else is not read."""
    headers = {str(key).lower(): value for key, value in (answer.get("headers") or {}).items()}
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return float(int(value))
    except ValueError:
        date = email.utils.parsedate_tz(str(value))
        return None if date is None else float(int(email.utils.mktime_tz(date) - BEGIN - now))
