"""Runs of the LiteLLM Router of the recorded form, with other fields than those that were recorded:
the ends follow from its rules (the deployment's retries before the request's before the Router's,
pauses of 0.5, 1 and 2 s, a request's timeout before all others)."""

import pytest

from simroute.testing.conformance import judge

FAILS = {"a": [{"status": 500, "latency": 0.1}], "b": [{"latency": 0.1}]}


def entry(group, name, **params):
    return {
        "model_name": group,
        "litellm_params": {"model": f"openai/{name}", **params},
        "model_info": {"id": name},
    }


def told(**info):
    """A deployment of whose model something is said."""
    made = entry("g", "a")
    return {**made, "model_info": {**made["model_info"], **info}}


PAIR = [entry("g", "a", order=1), entry("g", "b", order=2)]
GROUPS = [entry("g", "a"), entry("h", "b")]


def run(attempts, finals, upstream=FAILS, models=GROUPS[:1], **others):
    """An item; what is not given is left out of it."""
    requests = others.pop("requests", [{"model": "g", **others.pop("asked", {})}])
    environment = others.pop("env", {"JITTER": "0"})
    return {
        "id": "A",
        "env": environment,
        "model_list": models,
        "upstream": upstream,
        "requests": requests,
        "expected": {"attempts": attempts, "finals": finals},
        **others,
    }


def kwargs(**own):
    return {"asked": {"kwargs": own}}


def error(end, name="InternalServerError", status=500):
    return [[end, 0, name, status]]


SLOW = {"a": [{"latency": 1.5, "first_chunk": 0.1}]}
STREAM = {"handle_ms": 1500, "first_token_ms": 1600, "chunks": 1}
LIMITED = {"a": [{"status": 429, "latency": 0.1, "headers": {"Retry-After": "1.5"}}]}
DATED = "Tue, 14 Nov 2023 22:14:03 GMT"
DATE = {"a": [{"status": 429, "latency": 0.1, "headers": {"retry-after": DATED}}, {"latency": 0.1}]}
AZURE = {"model_name": "g", "litellm_params": {"model": "azure/a"}}
NONE = {"num_retries": 0}
REFUSED = {name: [{"status": 400, "latency": 0.1}] for name in "abcde"}
LEVELS = [entry("g", name, order=level) for level, name in enumerate("abc", 1)]
CHAINS = [{"g": ["h", "i"]}, {"h": ["j"]}, {"i": ["k"]}]
BUSY, BROKEN, FINE = ({"status": 429, "latency": 0.1}, FAILS["a"][0], {"latency": 0.1})
CASES = {
    "all at its default": run([[0, "a", 500], [600, "a", 500], [1700, "a", 500]], error(3800)),
    "a request's retries": run(
        [[0, "a", 500], [600, "a", 500]], error(1700), **kwargs(num_retries=1)
    ),
    "a request's before a deployment's, but in 1.83": run(
        [[0, "a", 500]],
        error(100),
        models=[entry("g", "a", num_retries=1)],
        litellm_version="1.109.1",
        **kwargs(num_retries=0),
    ),
    "a request's timeout": run(
        [[0, "a", "timeout"]],
        error(1000, "Timeout", 408),
        SLOW,
        [entry("g", "a", timeout=3)],
        router_settings=NONE,
        **kwargs(timeout=1),
    ),
    "not of a stream that has its own": run(
        [[0, "a", 200]],
        [[1600, 0, "ok", 200, STREAM]],
        SLOW,
        [entry("g", "a", stream_timeout=2)],
        asked={"stream": True, "kwargs": {"timeout": 1}},
    ),
    "before its head it is as any other": run(
        [[0, "a", "timeout"]],
        error(1000, "Timeout", 408),
        SLOW,
        [entry("g", "a", stream_timeout=1)],
        router_settings=NONE,
        asked={"stream": True},
    ),
    "a request without fallbacks": run(
        [[0, "a", 500]],
        error(100),
        models=GROUPS,
        fallbacks=[{"g": ["h"]}],
        router_settings=NONE,
        **kwargs(disable_fallbacks=True),
    ),
    "a request's fallbacks by name": run(
        [[0, "a", 500], [100, "b", 200]],
        [[200, 0, "ok", 200]],
        models=GROUPS,
        router_settings=NONE,
        **kwargs(fallbacks=[{"g": ["h"]}]),
    ),
    "azure, without an id": run(
        [[0, "g-0", "connect_error"]],
        error(100, "APIConnectionError"),
        {"g-0": {"error": "connect", "latency": 0.1}},
        [AZURE],
        router_settings=NONE,
    ),
    "a cut connection": run(
        [[0, "a", "read_error"]],
        error(100),
        {"a": [{"error": "read", "latency": 0.1}]},
        router_settings=NONE,
    ),
    "a date to wait for": run([[0, "a", 429], [2100, "a", 200]], [[2200, 0, "ok", 200]], DATE),
    "a fraction is no cooldown": run(
        [[0, "a", 429], [100, "b", 200], [3000, "b", 200]],
        [[200, 0, "ok", 200], [3100, 1, "ok", 200]],
        {**LIMITED, "b": FAILS["b"]},
        PAIR,
        requests=[{"model": "g"}, {"t": 3, "model": "g"}],
    ),
    "retries by group": run(
        [[0, "a", 500]],
        error(100),
        router_settings={"model_group_retry_policy": {"g": {"InternalServerErrorRetries": 0}}},
        litellm_version="1.109.1",
    ),
    # recorded of the unmodified Router 1.83.14
    "levels of order, depth first": run(
        [[0, "a", 400], [100, "b", 400], [200, "c", 400], [300, "c", 400]],
        error(400, "BadRequestError", 400),
        REFUSED,
        LEVELS,
    ),
    "a fallback inherits the level": run(
        [[0, "a", 400], [100, "b", 400], [200, "d", 400], [300, "d", 400]],
        error(400, "BadRequestError", 400),
        REFUSED,
        [*LEVELS[:2], entry("h", "c", order=1), entry("h", "d", order=2)],
        fallbacks=[{"g": ["h"]}],
    ),
    "each fallback of a list is one of max_fallbacks": run(
        [[0, "a", 400], [100, "b", 400], [200, "d", 400], [300, "c", 400]],
        error(400, "BadRequestError", 400),
        REFUSED,
        [entry(group, name) for group, name in zip("ghijk", "abcde", strict=True)],
        fallbacks=CHAINS,
        router_settings={"max_fallbacks": 2},
    ),
    "the first failure says how many retries": run(
        [[0, "a", 429], [600, "a", 500]],
        error(1700),
        {"a": [BUSY, BROKEN]},
        router_settings={"retry_policy": {"RateLimitErrorRetries": 1}},
    ),
    "a prompt that is too long is a bad request": run(
        [[0, "a", 400], [600, "a", 400]],
        error(1700, "ContextWindowExceededError", 400),
        {"a": [{**REFUSED["a"][0], "body": "context_window"}]},
        router_settings={"retry_policy": {"BadRequestErrorRetries": 1}},
    ),
    "a wrong key alone is not tried again": run(
        [[0, "a", 401]],
        error(100, "AuthenticationError", 401),
        {"a": [{"status": 401, "latency": 0.1}]},
        router_settings={"allowed_fails": 9},
    ),
    "one count for all classes": run(
        [[0, "a", 429], [1000, "a", 500]],
        [
            [100, 0, "RateLimitError", 429],
            [1100, 1, "InternalServerError", 500],
            [2000, 2, "RouterRateLimitError", None],
        ],
        {"a": [BUSY, BROKEN, FINE]},
        router_settings={
            "allowed_fails": 1,
            "allowed_fails_policy": {"RateLimitErrorAllowedFails": 2},
            "num_retries": 0,
        },
        requests=[{"model": "g", "t": t} for t in range(3)],
    ),
    "the last failure, not that nobody is left": run(
        [[0, "a", 500], [600, "a", 500]],
        error(700),
        router_settings={"allowed_fails": 1, "num_retries": 3},
    ),
    "a policy waits for whoever cools": run(
        [[0, "a", 429], [100, "b", 429], [3200, "a", 429]],
        error(3300, "RateLimitError", 429),
        {"a": [BUSY], "b": [BUSY]},
        [entry("g", "a"), entry("g", "b")],
        router_settings={
            "retry_policy": {"RateLimitErrorRetries": 3},
            "cooldown_time": 3,
            "routing_strategy": "cost-based-routing",
        },
    ),
    "a request's own fallbacks hold for all of it": run(
        [[0, "a", 400], [100, "b", 400], [200, "c", 400]],
        error(300, "BadRequestError", 400),
        REFUSED,
        [entry(group, name) for group, name in zip("ghi", "abc", strict=True)],
        **kwargs(fallbacks=[{"g": ["h"]}, {"h": ["i"]}]),
    ),
    "and are no default": run(
        [[0, "a", 400]],
        error(100, "BadRequestError", 400),
        REFUSED,
        GROUPS,
        router_settings={"default_fallbacks": ["h"]},
        **kwargs(fallbacks=[{"h": ["g"]}]),
    ),
    "nor the next request's": run(
        [[0, "a", 400], [100, "c", 200], [1000, "a", 400], [1100, "b", 400]],
        [[200, 0, "ok", 200], [1200, 1, "ContextWindowExceededError", 400]],
        {
            "a": [{**REFUSED["a"][0], "body": "context_window"}],
            "b": REFUSED["b"],
            "c": [FINE],
        },
        [entry(group, name) for group, name in zip("ghi", "abc", strict=True)],
        fallbacks=[{"g": ["h"]}],
        requests=[
            {"model": "g", "kwargs": {"context_window_fallbacks": [{"g": ["i"]}]}},
            {"model": "g", "t": 1},
        ],
    ),
    # and of later versions
    "a stream that breaks off is nobody's failure": run(
        [[t, "a", "stream:broken"] for t in range(0, 7000, 1000)],
        [[t + 200, t // 1000, "MidStreamFallbackError", 500] for t in range(0, 7000, 1000)],
        {"a": [{"latency": 0.1, "first_chunk": 0.1, "break_after": 0}]},
        router_settings={"allowed_fails": 1},
        requests=[{"model": "g", "t": t, "stream": True} for t in range(7)],
    ),
    "a stream that stalls before its first token falls back": run(
        [[0, "a", "timeout"], [1100, "b", 200]],
        [[1300, 0, "ok", 200, {"handle_ms": 100, "first_token_ms": 1300, "chunks": 1}]],
        {
            "a": [{"latency": 0.1, "first_chunk": 5}],
            "b": [{"latency": 0.1, "first_chunk": 0.1}],
        },
        GROUPS,
        fallbacks=[{"g": ["h"]}],
        router_settings={"stream_timeout": 1, "num_retries": 0},
        litellm_version="1.106.2",
        asked={"stream": True},
    ),
    "levels of order once, later": run(
        [[0, "a", 400], [100, "b", 400], [200, "c", 400]],
        error(300, "BadRequestError", 400),
        REFUSED,
        LEVELS,
        litellm_version="1.109.1",
    ),
    # recorded of the unmodified Router 1.109.3
    "nought is no limit": run(
        [[0, "a", 200], [0, "a", 200]],
        [[3000, 0, "ok", 200], [3000, 1, "ok", 200]],
        {"a": [{"latency": 3}]},
        [entry("g", "a", max_parallel_requests=0)],
        router_settings={"timeout": 0},
        requests=[{"model": "g", "t": 0}, {"model": "g", "t": 0}],
        litellm_version="1.109.3",
    ),
    "what is said of a model, and tells the Router nothing": run(
        [[0, "a", 200]],
        [[100, 0, "ok", 200]],
        {"a": [{"latency": 0.1}]},
        [told(mode="chat", supports_vision=True, description="fast", access_groups=["x"])],
    ),
    "arguments of a strategy": run(
        [[0, "b", 200]],
        [[100, 0, "ok", 200]],
        models=[entry("g", "b")],
        router_settings={
            "routing_strategy": "latency-based-routing",
            "routing_strategy_args": {"ttl": 3600, "lowest_latency_buffer": 0.5},
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_fields_that_no_recorded_run_has(name):
    """Each as the Router's rules say."""
    assert [str(verdict) for verdict in judge([CASES[name]])] == ["pass A"]


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({"models": [entry("g", "a", silent_model="h")]}, "the parameter silent_model of a"),
        (kwargs(tags=["x"]), "a request's own tags"),
        ({"router_settings": {"routing_strategy_args": {"cache": 1}}}, "the setting cache of"),
        ({"router_settings": {"enable_health_check_routing": True}}, "the setting enable_health"),
        ({"asked": {"max_tokens": 3}}, "a request's max_tokens"),
        ({"upstream": {"a": [{"sse_error": 1}]}}, "an upstream's sse_error"),
        ({"upstream": {"a": [{"status": 400, "body": "odd"}]}}, "an upstream's body odd"),
        ({"upstream": {"a": [{"error": "odd"}]}}, "an upstream's error odd"),
        ({"upstream": {"a": [{"status": 302}]}}, "an upstream's status 302"),
        ({"models": [told(team_id="t")]}, "team_id of model_info"),
        ({"models": [told(is_odd=True)]}, "is_odd of model_info"),
        ({"models": [told(max_input_token=3)]}, "max_input_token of model_info"),
        (
            {
                "models": [told(rpm=3)],
                "router_settings": {"optional_pre_call_checks": ["enforce_model_rate_limits"]},
            },
            "limits in model_info that are enforced",
        ),
        (kwargs(cache={"ttl": 3}), "a request's own cache: ttl"),
        (
            {"models": GROUPS, "fallbacks": [{"g": [{"model": "h", "timeout": 1}]}]},
            "parameters of a fallback",
        ),
        (
            {
                "router_settings": {
                    "routing_strategy": "usage-based-routing-v2",
                    "routing_strategy_args": {"ttl": 5},
                }
            },
            "ttl of usage-based routing",
        ),
        (kwargs(num_retries=None), "a request's num_retries of null"),
        (kwargs(metadata={"tags": ["!a"]}), "the tag !a"),
        ({"env": {"JITTER": "0", "MAX_RETRY_DELAY": "3"}}, "the environment's MAX_RETRY_DELAY"),
    ],
)
def test_what_is_not_modelled_is_skipped_by_name(others, why):
    """Never ignored, so that no verdict rests on half of an item."""
    (verdict,) = judge([run([], [], **others)])
    assert verdict.word == "skip"
    assert why in verdict.why
