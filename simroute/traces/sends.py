"""Every send of a log to a provider, one a row, however the log tells of them."""

from __future__ import annotations

TARGET = "(coalesce(provider, '?') || '/' || requested_model)"
"""A deployment of the log, as SQL over `requests`; NULL where a call belongs to none."""

INVALID = (
    "CASE WHEN failed THEN coalesce(blamed(status, error),"
    " list_filter(list_transform(tries, lambda t: blamed(t.status, t.error)), lambda code: code IS NOT NULL)[-1]) END"
)
"""The status of a request that failed by its own fault or its account's, as SQL over `requests`; NULL for all others.

Such a failure is no weather: the request fails wherever it is sent. A request that another deployment answered in the end was not at fault."""


def sends(source: str) -> str:
    """SQL over requests with their `rowid` as `whose`: `nth` of how many (`sent`), ns since the log's epoch (`t`), `provider`, `requested_model`
    and both as `target` (NULL where it cannot be told), tokens, seconds (`latency_s`, `ttft_s`), `status`, whether it `failed`, and whether that
    was its own fault (`own`: no weather)."""
    began = "coalesce(send.offset_s, 0)"
    return (
        f"SELECT *, {TARGET} AS target FROM (SELECT whose, nth, sent, arrival_ns + CAST({began} * 1e9 AS BIGINT) AS t,"
        " coalesce(send.provider, provider) AS provider, send.model AS requested_model, input_tokens, output_tokens,"
        f" CASE WHEN nth = sent AND NOT coalesce(failed, false) THEN coalesce(latency_s - {began}, send.latency_s) ELSE send.latency_s END"
        f" AS latency_s, CASE WHEN nth = sent AND {began} = 0 THEN ttft_s END AS ttft_s, send.status AS status,"
        " coalesce(send.status >= 400 OR send.status = 0, nth < sent OR coalesce(failed, false)) AS failed,"
        " coalesce(failed, false) AND blamed(send.status, send.error) IS NOT NULL AS own FROM"
        " (SELECT *, unnest(tries) AS send, generate_subscripts(tries, 1) AS nth, len(tries) AS sent FROM"
        f" {source} WHERE len(tries) > 0) UNION ALL SELECT whose, 1, 1, arrival_ns, provider, requested_model, input_tokens, output_tokens,"
        " latency_s, ttft_s, status, coalesce(failed, status >= 400, false), coalesce(failed, false) AND blamed(status, error) IS NOT NULL"
        f" FROM {source} WHERE coalesce(len(tries), 0) = 0 AND requested_model IS NOT NULL AND coalesce(cached, 'no') = 'no')"
    )
