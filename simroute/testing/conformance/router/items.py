"""Items of litellm_runs.json: what the Router is told, in our words, and what single requests and
answers say besides."""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from simroute.core import Price
from simroute.gateways.litellm.deployment import Deployment
from simroute.gateways.litellm.settings import ProviderBudget
from simroute.testing.conformance.spelling import to_value
from simroute.testing.conformance.verdict import Config, skip_if, skip_unknown, skip_unread

OWN_CHAINS = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")
OF_ITEMS = {
    *("model_list", "router_settings", *OWN_CHAINS, "requests", "upstream", "env", "seed"),
    *("expected", "compare", "litellm_version"),
}
OF_ENTRIES = "model_name", "litellm_params", "model_info", "rpm", "tpm"
OF_REQUESTS = {"t", "model", "content", "stream", "kwargs"}
OF_ANSWERS = {
    "body",
    "break_after",
    "chunks",
    "error",
    "finish",
    "finish_reason",
    "first_chunk",
    "gap",
    "headers",
    "latency",
    "status",
    "tokens",
}
"""What items, entries of model_list, requests and upstreams may say."""
BODIES = {"context_window": "context_length", "content_policy": "content_filter"}
"""What a refusal says -> our word for it."""
BEGIN = 1_700_000_040
"""t = 0 of all runs, as Unix time."""
UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0, "mo": 2_592_000.0}
KNOWN_KWARGS = {
    *OWN_CHAINS,
    "cache",
    "num_retries",
    "max_retries",
    "timeout",
    "request_timeout",
    "stream_timeout",
    "disable_fallbacks",
    "max_fallbacks",
    "metadata",
    "mock_delay",
    "mock_response",
    "mock_testing_content_policy_fallbacks",
    "mock_testing_context_fallbacks",
    "mock_testing_fallbacks",
    "mock_testing_rate_limit_error",
    "mock_timeout",
    "specific_deployment",
}
"""What a request may bring of its own."""
OF_CACHES = {"no-cache", "no-store"}
MOCKS = {
    "litellm.RateLimitError": (429, "error"),
    "litellm.ContextWindowExceededError": (400, "context_length"),
    "litellm.InternalServerError": (500, "error"),
}
"""Answers that are none: a status, and our word for it."""
PLAIN_KWARGS = {
    "extra_body",
    "extra_headers",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "modalities",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
}
"""What goes to the model, and tells the Router nothing but that it is another question."""
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
    "default_max_parallel_requests",
)
NOUGHT_IS_NONE = "default_max_parallel_requests", "timeout", "stream_timeout"
IDLE = {"set_verbose", "debug_level", "client_ttl", "polling_interval", "cache_kwargs"}
"""Settings that change nothing of what is seen here."""
OFF = {
    "enable_health_check_routing",
    "enable_tag_filtering",
    "guardrail_list",
    "ignore_invalid_deployments",
    "model_group_affinity_config",
    "search_tools",
    "tag_filtering_match_any",
}
"""Settings that change nothing where they are false or empty."""
TELLS_NOTHING = {
    "model",
    "api_base",
    "api_key",
    "api_version",
    "custom_llm_provider",
    "max_retries",
    "region_name",
    "tags",
    "base_url",
    "drop_params",
    "mock_delay",
    "mock_response",
    "organization",
    *PLAIN_KWARGS,
    "input_cost_per_token",
    "output_cost_per_token",
    "request_timeout",
    "configurable_clientside_auth_params",
    "default_api_key_rpm_limit",
    "default_api_key_tpm_limit",
    "litellm_credential_name",
    "merge_reasoning_content_in_choices",
    "use_in_pass_through",
}
"""Of litellm_params: read elsewhere, or of no effect against a scripted upstream."""
LIMITS = "rpm", "tpm"
COUNTING = (
    "usage-based-routing",
    "usage-based-routing-v2",
    "latency-based-routing",
    "cost-based-routing",
)
"""Strategies that keep to limits, also to those in `model_info`."""
OF_INFO = {
    *("id", "order", "max_input_tokens", *LIMITS),
    *("mode", "base_model", "max_tokens", "max_output_tokens", "access_groups", "tier", "key"),
    *("db_model", "created_at", "created_by", "updated_at", "updated_by", "litellm_provider"),
    *("input_cost_per_token", "output_cost_per_token", "supported_openai_params"),
    *("disable_background_health_check", "health_check_timeout", "health_check_model"),
}
"""What `model_info` may say: what the Router reads, and what is of no effect here, as is whatever
the model is said to support."""
MANY = 10**9
"""Calls in flight of who may have nought of them, which is no limit there."""
OF_OTHERS = "team_id", "team_public_model_name", "supported_environments"
"""Of `model_info`: who may ask for it, and where."""


def check_known(item: Config) -> None:
    """Skips an item that says something of which nothing is known here."""
    skip_unread(item, OF_ITEMS, "a run of the Router")
    known = KNOWN_KWARGS | PLAIN_KWARGS
    for request in item["requests"]:
        for key in request.keys() - OF_REQUESTS:
            skip_if(True, f"a request's {key}")
        for key, value in (request.get("kwargs") or {}).items():
            skip_if(key == "num_retries" and value is None, "a request's num_retries of null")
            skip_if(key not in known and value is not None, f"a request's own {key}")
            tags = (value or {}).get("tags") or () if key == "metadata" else ()
            for tag in tags:
                skip_if(str(tag)[:1] in ("!", "&"), f"the tag {tag}")  # from 1.106 on no plain one
            words = value.keys() - OF_CACHES if key == "cache" and isinstance(value, dict) else ()
            skip_if(words, f"a request's own cache: {', '.join(sorted(words))}")
            skip_if(key == "mock_response" and not is_mock(value), f"its mock {value}")
    for entry in item["model_list"]:
        skip_unknown(entry, OF_ENTRIES, "an entry of model_list")
        text = entry["litellm_params"].get("mock_response")
        skip_if(text and not is_mock(text), f"a mocked answer {text}")
    for answers in item["upstream"].values():
        for answer in [answers] if isinstance(answers, dict) else answers:
            for key in answer.keys() - OF_ANSWERS:
                skip_if(True, f"an upstream's {key}")
            body, status = answer.get("body"), answer.get("status", 200)
            skip_if(status != 200 and status < 400, f"an upstream's status {status}")
            known_bodies = (None, "", *(("content_filter",) if status == 200 else BODIES))
            skip_if(body not in known_bodies, f"an upstream's body {body}")
            error = answer.get("error")
            skip_if(error not in (None, "", "connect", "read"), f"an upstream's error {error}")
    for key in (item.get("env") or {}).keys() - {"JITTER"}:
        skip_if(True, f"the environment's {key}")


def is_mock(text: object) -> bool:
    """Whether it is known what comes of a mocked answer."""
    return isinstance(text, str) and (text in MOCKS or not text.startswith("Exception"))


def question_of(asked: Config, number: int) -> object:
    """What makes a request the same as another, for a cache."""
    plain = {
        key: value for key, value in (asked.get("kwargs") or {}).items() if key in PLAIN_KWARGS
    }
    question = asked.get("content", number), bool(asked.get("stream")), sorted(plain.items())
    return json.dumps(question, default=str)


def prompt_tokens(content: str) -> int:
    """About as many as LiteLLM counts: a word or a sign is one, and a message of one has 8."""
    pieces = re.findall(r"\w+|[^\w\s]", content)
    return 7 + sum(1 + (len(piece) - 1) // 8 for piece in pieces)


def settings_of(item: Config) -> tuple[dict[str, Any], str, tuple[tuple[str, ...], ...]]:
    """`router_settings`, and fallbacks beside them, in our words; how tags match, where they filter
    ("any", "all"); and groups that share a cache."""
    given = {**(item.get("router_settings") or {})}
    given |= {name: item[name] for name in OWN_CHAINS if name in item}
    made: dict[str, Any] = {
        name: given.pop(name) for name in SAME_NAME if given.get(name) is not None
    }
    for name in OWN_CHAINS:
        chains: dict[str, tuple[str, ...]] = {}
        for each in given.pop(name, None) or ():
            for key, groups in each.items():
                skip_if(any(isinstance(one, dict) for one in groups), "parameters of a fallback")
                chains.setdefault(key, tuple(groups))
        made[name] = chains
    for name in NOUGHT_IS_NONE:
        if not made.get(name):
            made.pop(name, None)
    star = made["fallbacks"].pop("*", ())
    made["default_fallbacks"] = tuple(given.pop("default_fallbacks", None) or star)
    made["model_group_alias"] = {
        alias: each["model"] if isinstance(each, dict) else each
        for alias, each in (given.pop("model_group_alias", None) or {}).items()
    }
    for name in ("retry_policy", "allowed_fails_policy"):
        made[name] = _stated(given.pop(name, None))
    made["model_group_retry_policy"] = {
        group: _stated(policy)
        for group, policy in (given.pop("model_group_retry_policy", None) or {}).items()
    }
    made["provider_budget_config"] = {
        provider: ProviderBudget(each["budget_limit"], _period(each.get("time_period") or "1d"))
        for provider, each in (given.pop("provider_budget_config", None) or {}).items()
        if each.get("budget_limit") is not None  # by another name it bounds nothing
    }
    arguments = dict(given.pop("routing_strategy_args", None) or {})
    is_usage = "usage" in made.get("routing_strategy", "")
    skip_if(is_usage and "ttl" in arguments, "ttl of usage-based routing")
    for name in ("lowest_latency_buffer", "ttl", "max_latency_list_size"):
        if (value := arguments.pop(name, None)) is not None:
            made[name] = value
    shared = tuple(tuple(groups) for groups in given.pop("caching_groups", None) or ())
    for key in given.pop("default_litellm_params", None) or ():
        skip_if(key not in PLAIN_KWARGS | {"timeout"}, f"the default {key} of deployments")
    checks = list(given.pop("optional_pre_call_checks", None) or ())
    if "enforce_model_rate_limits" in checks:
        checks.remove("enforce_model_rate_limits")
        made["enforce_model_rate_limits"] = True
    skip_if(checks, f"the check {', '.join(checks)} before a call")
    matching = ""
    if given.pop("enable_tag_filtering", None):
        matching = "all" if given.pop("tag_filtering_match_any", True) is False else "any"
    for left in (arguments, given):
        for name, value in left.items():
            idle = value is None or name in IDLE or (name in OFF and not value)
            skip_if(not idle, f"the setting {name} of the Router")
    return made, matching, shared


def _stated(policy: Mapping[str, int | None] | None) -> dict[str, int]:
    """What a policy says; a key that is null says nothing."""
    return {key: value for key, value in (policy or {}).items() if value is not None}


def _period(text: str) -> float:
    number = text.rstrip("smhdwo")
    return float(number) * UNITS[text.removeprefix(number)]


def provider_of(entry: Config) -> str:
    """Whose API it is: what stands before the model's name, if anything does."""
    given = entry["litellm_params"]
    named = str(given["model"]).partition("/")
    return str(given.get("custom_llm_provider") or (named[0] if named[1] else "openai"))


def limited_by_info(entry: Config) -> bool:
    """Whether its limits stand in `model_info`, where they bound neither a shuffle's weights nor
    calls in flight."""
    limits = [each.get(key) for each in (entry["litellm_params"], entry) for key in LIMITS]
    info = entry.get("model_info") or {}
    return limits == [None] * 4 and any(info.get(key) is not None for key in LIMITS)


def deployments_of(item: Config) -> Iterator[tuple[str, Config, Deployment, Price]]:
    """Id, entry, parameters and price of each entry of `model_list`."""
    known = {field.name for field in fields(Deployment)}
    settings = item.get("router_settings") or {}
    counts = settings.get("routing_strategy") in COUNTING
    enforces = "enforce_model_rate_limits" in (settings.get("optional_pre_call_checks") or ())
    for place, entry in enumerate(item["model_list"]):
        info, given = entry.get("model_info") or {}, dict(entry["litellm_params"])
        for key, value in given.items():
            idle = key in known or key in TELLS_NOTHING or value is None
            skip_if(not idle, f"the parameter {key} of a deployment")
        skip_unread({k: v for k, v in info.items() if "supports_" not in k}, OF_INFO, "model_info")
        for key in OF_OTHERS:
            skip_if(info.get(key), f"{key} of model_info")
        skip_if(enforces and limited_by_info(entry), "limits in model_info that are enforced")
        given["timeout"] = given.get("timeout") or given.pop("request_timeout", None)
        if (period := given.get("budget_duration")) is not None:
            given["budget_duration"] = _period(period)
        name = str(info.get("id", f"{entry['model_name']}-{place}"))
        if given.get("max_parallel_requests") == 0:
            given["max_parallel_requests"] = MANY
        given["max_input_tokens"] = info.get("max_input_tokens")
        given.setdefault("order", info.get("order"))
        for key in LIMITS:  # these may stand beside litellm_params
            value = given.get(key, entry.get(key))
            own = counts and value is None  # there they do not weigh it in a shuffle
            given[key] = to_value(info.get(key) if own else value)
        costs = given.get("input_cost_per_token"), given.get("output_cost_per_token")
        made = {key: value for key, value in given.items() if key in known and value is not None}
        into, out = ((cost or 0.0) * 1e6 for cost in costs)
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
