"""Rows that are attempts at one request, as one row with all of them."""

_LAST = ("provider", "model", "requested_model", "model_group", "streamed", "failed", "status", "error", "cached")
_ANY = ("request_id", "user", "team", "session", "feature", "task", "question", "blocks")
JOINED = (
    "SELECT min(arrival_ns) AS arrival_ns, max(input_tokens) AS input_tokens, max(cached_tokens) AS cached_tokens,"
    " max(output_tokens) AS output_tokens,"
    + ", ".join(f'arg_max_null("{name}", place) AS "{name}"' for name in _LAST)
    + ", "
    + ", ".join(f'arg_max("{name}", place) AS "{name}"' for name in _ANY)
    + ", max((arrival_ns - began) / 1e9 + latency_s) AS latency_s, sum(cost_usd) AS cost_usd,"
    " arg_max_null((arrival_ns - began) / 1e9 + ttft_s, place) AS ttft_s,"
    " CAST(sum(coalesce(attempts, 1)) AS INTEGER) AS attempts,"
    " list({'offset_s': (arrival_ns - began) / 1e9, 'latency_s': latency_s, 'provider': provider, 'model': model, 'status': status, 'error': error}"
    " ORDER BY place) FILTER (coalesce(cached, 'no') = 'no') AS tries,"
    " min(file) AS file, min(line) AS line FROM"
    " (SELECT *, min(arrival_ns) OVER (PARTITION BY one, part) AS began,"
    " row_number() OVER (PARTITION BY one, part ORDER BY arrival_ns, file, line) AS place FROM"
    " (SELECT *, coalesce(trace, concat(file, ':', line)) AS one, count(*) FILTER (NOT failed) OVER"
    " (PARTITION BY one ORDER BY arrival_ns, file, line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS part FROM whole))"
    " GROUP BY one, part"
)
"""Rows with equal `trace` as one request, up to one that did not fail: the last attempt's outcome, all attempts' cost.

What the gateway's cache answered was sent nowhere, and is none of `tries`."""
