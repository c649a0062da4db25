"""Rows that are attempts at one request, as one row with all of them."""

WAIT_S = 60.0
"""Seconds within which an attempt follows one that failed, where a format's `WAIT_S` does not say; routers wait no longer for a Retry-After."""

ALIKE = 0.05
"""Share by which two counts of one prompt's tokens may differ: providers, and what gateways estimate for a failed call, count differently."""

_LAST = ("provider", "model", "requested_model", "model_group", "streamed", "failed", "status", "error", "cached")
_ANY = ("request_id", "user", "team", "session", "feature", "task", "question", "blocks")
_ORDER = "arrival_ns, coalesce(failed, false) DESC, file, line"
_SAME = (
    "coalesce(question = lag(question) OVER w,"
    f" abs(input_tokens - lag(input_tokens) OVER w) <= {ALIKE} * greatest(input_tokens, lag(input_tokens) OVER w)"
    " OR least(input_tokens, lag(input_tokens) OVER w) = 0, true)"
)


def joined(wait_s: float) -> str:
    """SQL: rows of `whole` with equal `trace` as one request, with the last attempt's outcome and all attempts' cost.

    A client may give one trace to a whole conversation. So a row goes on with the request of the row before only if that one failed, it follows
    within `wait_s` of it (whether the log's time is that of the call's beginning or of its end), and nothing says that it asks something else
    (`question`, else the tokens sent, where both are known). `sends` is what a row says that its request had, earlier rows included: those without a
    row are added.
    What the gateway's cache answered was sent nowhere, and is none of `tries`.
    """
    longer = "greatest(coalesce(latency_s, 0), coalesce(lag(latency_s) OVER w, 0))"
    follows = (
        "coalesce(lag(failed) OVER w, false) AND coalesce(lag(cached) OVER w, 'no') = 'no'"
        f" AND arrival_ns - lag(arrival_ns) OVER w <= 1e9 * ({longer} + {wait_s}) AND {_SAME}"
    )
    hit = "coalesce(cached, 'no') <> 'no'"
    return (
        "SELECT min(arrival_ns) AS arrival_ns, max(input_tokens) AS input_tokens, max(cached_tokens) AS cached_tokens,"
        " max(output_tokens) AS output_tokens,"
        + ", ".join(f'arg_max_null("{name}", place) AS "{name}"' for name in _LAST)
        + ", "
        + ", ".join(f'arg_max("{name}", place) AS "{name}"' for name in _ANY)
        + ", max((arrival_ns - began) / 1e9 + latency_s) AS latency_s, sum(cost_usd) AS cost_usd,"
        " arg_max_null((arrival_ns - began) / 1e9 + ttft_s, place) AS ttft_s,"
        f" CASE WHEN count(attempts) > 0 OR count(*) > 1 THEN CAST(sum(coalesce(attempts, CASE WHEN {hit} THEN 0 ELSE 1 END))"
        " + greatest(0, coalesce(max(sends), 0) - count(*)) AS INTEGER) END AS attempts,"
        f" bool_or(coalesce(attempts_at_least, attempts IS NULL AND NOT {hit})) AS attempts_at_least,"
        " list({'offset_s': (arrival_ns - began) / 1e9, 'latency_s': latency_s, 'provider': provider, 'model': requested_model,"
        f" 'status': status, 'error': error}} ORDER BY place) FILTER (NOT {hit}) AS tries,"
        " min(file) AS file, min(line) AS line FROM"
        " (SELECT *, min(arrival_ns) OVER (PARTITION BY one, part) AS began,"
        f" row_number() OVER (PARTITION BY one, part ORDER BY {_ORDER}) AS place FROM"
        f" (SELECT *, sum(opens) OVER (PARTITION BY one ORDER BY {_ORDER} ROWS UNBOUNDED PRECEDING) AS part FROM"
        f" (SELECT *, CASE WHEN {follows} THEN 0 ELSE 1 END AS opens FROM"
        " (SELECT *, coalesce(trace, concat(file, ':', line)) AS one FROM whole)"
        f" WINDOW w AS (PARTITION BY one ORDER BY {_ORDER}))))"
        " GROUP BY one, part"
    )
