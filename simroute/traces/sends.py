"""Every send of a log to a provider, one a row, however the log tells of them."""

from __future__ import annotations

TARGET = "(coalesce(provider, '?') || '/' || requested_model)"
"""A deployment of the log, as SQL over `requests`; NULL where a call belongs to none."""

INVALID = (
    "CASE WHEN failed THEN coalesce(blamed(status, error),"
    " list_filter(list_transform(tries, lambda t: blamed(t.status, t.error)), lambda code: code "
    "IS NOT NULL)[-1]) END"
)
"""The status of a request that failed by its own fault or its account's, as SQL over `requests`;
NULL for all others.

Such a failure is no weather: the request fails wherever it is sent. A request that another
deployment answered in the end was not at fault."""

SPELL = 300
"""Seconds in which calls are compared to tell how long a send without a row took."""
ENOUGH = 5
"""Calls with one send, in such a spell, from which on that is told by their times; else all sends
of a request took as long."""


def sends(source: str) -> str:
    """SQL over requests with their `rowid` as `whose`: `nth` of how many (`sent`), ns since the
    log's epoch (`t`), `provider`, `requested_model` and both as `target` (NULL where it cannot be
    told), tokens, seconds (`latency_s`, `ttft_s`), `status`, whether it `failed`, and whether that
    was its own fault (`own`: no weather).

    What a log counts in `attempts` beyond the sends that it describes was absorbed by the gateway:
    failures of the first target, before its logged send, whose seconds have theirs in it. How long
    those took is what such requests took longer, on average, than others of these minutes that were
    sent once; the time of the logged send itself is then not known.
    """
    shown = "greatest(coalesce(len(tries), 0), 1)"
    told = (
        f"SELECT *, CASE WHEN coalesce(cached, 'no') = 'no' AND attempts > {shown} THEN attempts "
        f"- {shown} ELSE 0 END AS more FROM {source}"
        " WHERE coalesce(len(tries), 0) > 0 OR requested_model IS NOT NULL AND coalesce(cached, "
        "'no') = 'no'"
    )
    one = (
        "{'offset_s': 0.0, 'latency_s': latency_s, 'provider': provider, 'model': "
        "requested_model, 'status': status, 'error': error}"
    )
    listed = (
        f"SELECT *, len(listed) AS among, unnest(listed) AS send, generate_subscripts(listed, 1) "
        f"AS place FROM"
        f" (SELECT *, CASE WHEN len(tries) > 0 THEN tries ELSE [{one}] END AS listed, "
        f"coalesce(len(tries), 0) = 0 AS alone FROM told)"
    )
    began = "coalesce(send.offset_s, 0)"
    took = (
        f"CASE WHEN place = among AND NOT coalesce(failed, false) THEN coalesce(latency_s - "
        f"{began}, send.latency_s) ELSE send.latency_s END"
    )
    lost = (
        "coalesce(send.status >= 400 OR send.status = 0, place < among OR coalesce(failed, false))"
    )
    described = (
        "SELECT whose, place, among, more, arrival_ns, input_tokens, output_tokens, "
        "coalesce(send.provider, provider) AS provider,"
        f" send.model AS requested_model, {began} AS began, {took} AS took, CASE WHEN place = "
        f"among AND {began} = 0 THEN ttft_s END AS first,"
        f" send.status AS status, CASE WHEN alone THEN coalesce(failed, send.status >= 400, "
        f"false) ELSE {lost} END AS failed,"
        " coalesce(failed, false) AND blamed(send.status, send.error) IS NOT NULL AS own,"
        f" (arrival_ns // {SPELL}000000000) AS spell FROM listed"
    )
    once = "described WHERE more = 0 AND NOT failed"
    usual = (
        f"SELECT {TARGET} AS name, spell, avg(took) AS took FROM {once} GROUP BY ALL HAVING "
        f"count(took) >= {ENOUGH}"
    )
    longer = (
        f"SELECT {TARGET} AS name, described.spell, greatest(sum(described.took - usual.took) / "
        f"sum(more), 0.0) AS each FROM described JOIN usual"
        f" ON usual.name = {TARGET} AND usual.spell = described.spell WHERE more > 0 AND place = "
        f"1 AND NOT failed GROUP BY ALL"
    )
    waited = (
        "SELECT described.*, least(each, took / (more + 1)) AS told, coalesce(told, took / (more "
        "+ 1)) AS each_s FROM described"
        f" LEFT JOIN longer ON more > 0 AND place = 1 AND longer.name = {TARGET} AND "
        f"longer.spell = described.spell"
    )
    after = "CASE WHEN more > 0 AND place = 1 THEN more * coalesce(each_s, 0) ELSE 0 END"
    own_time = (
        "CASE WHEN more > 0 AND place = 1 THEN CASE WHEN told IS NULL THEN each_s END ELSE took END"
    )
    return (
        f"WITH told AS ({told}), listed AS ({listed}), described AS ({described}), usual AS "
        f"({usual}), longer AS ({longer}), waited AS ({waited})"
        f" SELECT *, {TARGET} AS target FROM (SELECT whose, place + more AS nth, among + more AS "
        f"sent,"
        f" arrival_ns + CAST((began + {after}) * 1e9 AS BIGINT) AS t, provider, requested_model, "
        f"input_tokens, output_tokens,"
        f" {own_time} AS latency_s, CASE WHEN more = 0 THEN first END AS ttft_s, status, failed, "
        f"own FROM waited UNION ALL"
        " SELECT whose, nth, among + more, arrival_ns + CAST((nth - 1) * coalesce(each_s, 0) * "
        "1e9 AS BIGINT), provider, requested_model,"
        " input_tokens, output_tokens, each_s, NULL, NULL, true, false FROM"
        " (SELECT *, unnest(range(1, more + 1)) AS nth FROM waited WHERE more > 0 AND place = 1))"
    )
