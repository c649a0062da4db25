"""Rows that are attempts at one request, as one row with all of them."""

WAIT_S = 10.0
"""Seconds after the end of an attempt that failed within which the next one follows: routers try again at once, people ask again later."""

TOLD_S = 60.0
"""The same, of a row that itself says that others came before: routers wait no longer for a Retry-After."""

ALIKE = 0.05
"""Share by which two counts of one prompt's tokens may differ: providers, and what gateways estimate for a failed call, count differently."""

_LAST = ("provider", "model", "requested_model", "model_group", "streamed", "failed", "status", "error", "cached")
_ANY = ("request_id", "user", "team", "session", "feature", "task", "question", "blocks")
_ORDER = "arrival_ns, coalesce(failed, false) DESC, nth, file, line"
_SAME = (
    "coalesce(question = lag(question) OVER w,"
    f" abs(input_tokens - lag(input_tokens) OVER w) <= {ALIKE} * greatest(input_tokens, lag(input_tokens) OVER w)"
    " OR least(input_tokens, lag(input_tokens) OVER w) = 0, true)"
)


def joined(begins: bool) -> str:
    """SQL: rows of `whole` with equal `trace` as one request, with the last attempt's outcome and all attempts' cost.

    A client may give one trace to a whole conversation. So a row goes on with the request of the row before only if that one failed, it follows
    soon after its end (`begins`: the log's time is that of a call's beginning; else it may be that of the end), and nothing says that it asks
    something else (`question`, else the tokens sent, where both are known). `nth` is the row's place among the attempts, where the log tells it: a
    first one, 0, begins a request, and places rise within one. Answers at the first attempt are requests of their own and stand between no others.
    `sends` is what a row says that its request had, earlier rows included: those without a row are added.
    What the gateway's cache answered was sent nowhere, and is none of `tries`.
    """
    took = "coalesce(lag(latency_s) OVER w, 0)" if begins else "greatest(coalesce(latency_s, 0), coalesce(lag(latency_s) OVER w, 0))"
    wait = f"CASE WHEN sends > 1 THEN {TOLD_S} ELSE {WAIT_S} END"
    follows = (
        "coalesce(lag(failed) OVER w, false) AND coalesce(lag(cached) OVER w, 'no') = 'no'"
        f" AND coalesce(nth > 0, true) AND coalesce(nth > lag(nth) OVER w, true)"
        f" AND arrival_ns - lag(arrival_ns) OVER w <= 1e9 * ({took} + {wait}) AND {_SAME}"
    )
    hit = "coalesce(cached, 'no') <> 'no'"
    alone = "trace IS NULL OR nth = 0 AND NOT coalesce(failed, false)"
    return (
        "SELECT min(arrival_ns) AS arrival_ns, max(input_tokens) AS input_tokens, max(cached_tokens) AS cached_tokens,"
        " max(written_tokens) AS written_tokens,"
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
        f" (SELECT *, CASE WHEN {alone} THEN concat(file, ':', line) ELSE trace END AS one FROM whole)"
        f" WINDOW w AS (PARTITION BY one ORDER BY {_ORDER}))))"
        " GROUP BY one, part"
    )
