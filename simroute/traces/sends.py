"""Every send of a log to a provider, one a row, however the log tells of them."""

from __future__ import annotations

TARGET = "concat(coalesce(provider, '?'), '/', requested_model)"
"""A deployment of the log, as SQL over `requests`; NULL where a call belongs to none."""


def sends(source: str) -> str:
    """SQL over requests with their `rowid` as `whose`: `nth` of how many (`sent`), ns since the log's epoch (`t`), `provider`, `requested_model`
    and both as `target` (NULL where it cannot be told), tokens, seconds (`latency_s`, `ttft_s`), `status`, and whether it `failed`."""
    began = "coalesce(send.offset_s, 0)"
    return (
        f"SELECT *, {TARGET} AS target FROM (SELECT whose, nth, sent, arrival_ns + CAST({began} * 1e9 AS BIGINT) AS t,"
        " coalesce(send.provider, provider) AS provider, send.model AS requested_model, input_tokens, output_tokens,"
        f" CASE WHEN nth = sent AND NOT coalesce(failed, false) THEN coalesce(latency_s - {began}, send.latency_s) ELSE send.latency_s END"
        f" AS latency_s, CASE WHEN nth = sent AND {began} = 0 THEN ttft_s END AS ttft_s, send.status AS status,"
        " coalesce(send.status >= 400 OR send.status = 0, nth < sent OR coalesce(failed, false)) AS failed FROM"
        " (SELECT *, unnest(tries) AS send, generate_subscripts(tries, 1) AS nth, len(tries) AS sent FROM"
        f" {source} WHERE len(tries) > 0) UNION ALL SELECT whose, 1, 1, arrival_ns, provider, requested_model, input_tokens, output_tokens,"
        f" latency_s, ttft_s, status, coalesce(failed, status >= 400, false) FROM {source}"
        " WHERE coalesce(len(tries), 0) = 0 AND requested_model IS NOT NULL AND coalesce(cached, 'no') = 'no')"
    )
