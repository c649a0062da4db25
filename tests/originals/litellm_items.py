"""Items of the form of litellm_runs.json, made up: settings, deployments, upstreams, requests.

Deployments of one group differ in `order`, or are alone; `strategies` has groups whose strategy
chooses. Times are such that nothing falls on the same millisecond by accident.
"""

from hypothesis import strategies as st

STATUSES = (200, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504, 529)
CLASSES = (
    "BadRequestError",
    "AuthenticationError",
    "TimeoutError",
    "RateLimitError",
    "ContentPolicyViolationError",
    "InternalServerError",
)
GROUPS = "g", "h", "i"


def sometimes(strategy):
    """Left out as often as not."""
    return st.none() | strategy


@st.composite
def refusals(draw):
    status = draw(st.sampled_from([each for each in STATUSES if each != 200]))
    made = {"status": status, "latency": draw(st.sampled_from((0.1, 0.3)))}
    if status in (429, 500, 503) and draw(st.booleans()):
        waits = ("0", "1", "2", "7", "20", "61", "1.5", "2.25")
        made["headers"] = {"retry-after": draw(st.sampled_from(waits))}
    if status == 400:
        body = draw(sometimes(st.sampled_from(("context_window", "content_policy"))))
        if body:
            made["body"] = body
    return made


BROKEN = st.builds(
    lambda error, latency: {"error": error, "latency": latency},
    st.sampled_from(("connect", "read")),
    st.sampled_from((0.1, 0.3)),
)
WHOLE = st.builds(lambda latency: {"latency": latency}, st.sampled_from((0.1, 0.3, 1.7, 5.3)))
COUNTED = st.builds(
    lambda latency, out: {"latency": latency, "tokens": [10, out]},
    st.sampled_from((0.113, 0.31, 1.71, 5.37)),
    st.sampled_from((5, 20, 90)),
)
STREAMS = st.builds(
    lambda latency, first, gap, chunks, cut: {
        "latency": latency,
        "first_chunk": first,
        "gap": gap,
        "chunks": chunks,
        **({} if cut is None or cut >= chunks else {"break_after": cut}),
    },
    st.sampled_from((0.1, 1.7)),
    st.sampled_from((0.2, 1.9)),
    st.sampled_from((0.1, 1.3)),
    st.integers(1, 4),
    sometimes(st.integers(0, 3)),
)


def some(draw, made):
    """Of these keys, those that are drawn."""
    drawn = {key: draw(sometimes(strategy)) for key, strategy in made.items()}
    return {key: value for key, value in drawn.items() if value is not None}


@st.composite
def settings_of(draw, groups):
    policy = st.dictionaries(
        st.sampled_from(CLASSES).map(lambda name: f"{name}Retries"), st.integers(0, 3), max_size=3
    )
    fails = st.dictionaries(
        st.sampled_from(CLASSES).map(lambda name: f"{name}AllowedFails"),
        st.integers(0, 3),
        min_size=1,
        max_size=2,
    )
    return some(
        draw,
        {
            "num_retries": st.integers(0, 3),
            "timeout": st.sampled_from((0.7, 2, 5)),
            "stream_timeout": st.sampled_from((0.7, 1.5)),
            "retry_after": st.sampled_from((0, 1, 3)),
            "allowed_fails": st.integers(0, 4),
            "allowed_fails_policy": fails,
            "cooldown_time": st.sampled_from((1, 4.5, 30)),
            "disable_cooldowns": st.booleans(),
            "max_fallbacks": st.integers(0, 3),
            "retry_policy": policy,
            "model_group_retry_policy": st.dictionaries(
                st.sampled_from(groups), policy, max_size=1
            ),
            "default_fallbacks": st.just([groups[-1]]),
            "enable_pre_call_checks": st.booleans(),
        },
    )


@st.composite
def chains(draw, groups):
    """[{group: [groups]}], of which none is its own."""
    made = []
    for group in groups:
        others = [each for each in groups if each != group]
        if others and draw(st.booleans()):
            made.append({group: draw(st.lists(st.sampled_from(others), min_size=1, unique=True))})
    return made


@st.composite
def items(draw, streamed=False):
    """One item."""
    groups = GROUPS[: draw(st.integers(1, 3))]
    models, upstream = [], {}
    answers = st.lists(
        st.one_of(refusals(), BROKEN, STREAMS if streamed else WHOLE), min_size=1, max_size=4
    )
    for group in groups:
        count = draw(st.integers(1, 3))
        for place in range(count):
            name = f"{group}{place}"
            given = some(
                draw,
                {
                    "timeout": st.sampled_from((0.9, 3)),
                    "stream_timeout": st.sampled_from((0.9, 2.5)),
                    "cooldown_time": st.sampled_from((0, 2.5, 40)),
                    "max_parallel_requests": st.integers(1, 2),
                },
            )
            order = {"order": place + 1} if count > 1 else {}
            models.append(
                {
                    "model_name": group,
                    "litellm_params": {"model": f"openai/{name}", **order, **given},
                    "model_info": {"id": name},
                }
            )
            own = 0.007 * len(upstream)  # or two of them would end in the same millisecond
            upstream[name] = [
                {**answer, "latency": round(answer["latency"] + own, 3)} for answer in draw(answers)
            ]
    item = {
        "id": "made",
        "env": {"JITTER": "0"},
        "router_settings": draw(settings_of(groups)),
        "model_list": models,
        "upstream": upstream,
        "requests": draw(requests(groups, streamed)),
    }
    for key in ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks"):
        if chain := draw(chains(groups)) if draw(st.booleans()) else None:
            item[key] = chain
    return item


@st.composite
def requests(draw, groups, streamed):
    asked, t = [], 0.0
    for number in range(draw(st.integers(1, 5))):
        own = some(
            draw,
            {
                "num_retries": st.integers(0, 2),
                "timeout": st.sampled_from((0.6, 4)),
                "disable_fallbacks": st.just(True),
                "fallbacks": chains(groups),
            }
            if draw(st.integers(0, 3)) == 0
            else {},
        )
        asked.append(
            {
                "t": round(t, 3),
                "model": draw(st.sampled_from(groups)),
                **({"stream": True} if streamed else {}),
                **({"kwargs": own} if own else {}),
            }
        )
        t += draw(st.sampled_from((0.037, 0.53, 1.07, 6.01, 13.03))) + 0.001 * number
    return asked


STRATEGIES = (
    "simple-shuffle",
    "least-busy",
    "usage-based-routing",
    "usage-based-routing-v2",
    "latency-based-routing",
    "cost-based-routing",
)


@st.composite
def strategies(draw, streamed=False):
    """An item in which a strategy, and lots, choose among several; limits, budgets and, for some, a
    cache bound what may be chosen."""
    groups = GROUPS[: draw(st.integers(1, 2))]
    ordered = draw(st.integers(0, 3)) == 0
    good = STREAMS if streamed else COUNTED
    answers = st.lists(st.one_of(refusals(), good, good, good), min_size=1, max_size=4)
    models, upstream = [], {}
    for group in groups:
        for place in range(draw(st.integers(1, 3))):
            name = f"{group}{place}"
            given = some(
                draw,
                {
                    "order": st.integers(1, 2) if ordered else st.none(),
                    "weight": st.integers(0, 3),
                    "rpm": st.sampled_from((1, 3, 6)),
                    "tpm": st.sampled_from((60, 150, 4000)),
                    "timeout": st.sampled_from((0.9, 3)),
                    "input_cost_per_token": st.sampled_from((0, 1e-4, 3e-4)),
                    "output_cost_per_token": st.sampled_from((0, 1e-4, 2e-4)),
                },
            )
            budget = {"max_budget": draw(st.sampled_from((0.003, 0.01))), "budget_duration": "20s"}
            models.append(
                {
                    "model_name": group,
                    "litellm_params": {
                        "model": f"openai/{name}",
                        **given,
                        **(budget if draw(st.integers(0, 7)) == 0 else {}),
                    },
                    "model_info": {"id": name},
                }
            )
            upstream[name] = draw(answers)
    settings = some(
        draw,
        {
            "routing_strategy": st.sampled_from(STRATEGIES),
            "num_retries": st.integers(0, 2),
            "timeout": st.sampled_from((0.7, 2)),
            "cooldown_time": st.sampled_from((1, 4.5)),
            "allowed_fails": st.integers(0, 2),
            "enable_pre_call_checks": st.just(True),
            "model_group_alias": st.just({"al": "g"}),
            "provider_budget_config": st.just(
                {"openai": {"budget_limit": 0.01, "time_period": "30s"}}
            ),
        },
    )
    if settings.get("routing_strategy") == "latency-based-routing" and draw(st.booleans()):
        settings["routing_strategy_args"] = some(
            draw,
            {
                "lowest_latency_buffer": st.sampled_from((0, 0.5)),
                "ttl": st.sampled_from((7, 3600)),
                "max_latency_list_size": st.integers(1, 3),
            },
        )
    asked, t = [], 0.0
    for number in range(draw(st.integers(1, 9))):
        names = [*groups, "al"] if "model_group_alias" in settings else groups
        asked.append({"t": round(t, 3), "model": draw(st.sampled_from(names))})
        if streamed:
            asked[-1]["stream"] = True
        t += draw(st.sampled_from((0.037, 0.53, 1.07, 6.01, 23.03))) + 0.001 * number
    item = {
        "id": "made",
        "env": {"JITTER": "0"},
        "router_settings": settings,
        "model_list": models,
        "upstream": upstream,
        "requests": asked,
    }
    if len(groups) > 1 and draw(st.booleans()):
        item["fallbacks"] = [{"g": ["h"]}]
    return item
