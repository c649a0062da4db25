"""Every send of a log to a provider, one a row, however the log tells of them."""

from __future__ import annotations

from typing import Any

TARGET = "(coalesce(provider, '?') || '/' || requested_model)"
"""SQL over `requests`: the deployment of a call, "provider/model"; NULL where it has none."""

INVALID = """
    CASE WHEN failed THEN coalesce(
        blamed(status, error),
        list_filter(list_transform(tries, lambda t: blamed(t.status, t.error)),
            lambda code: code IS NOT NULL)[-1]
    ) END"""
"""SQL over `requests`: the status of a request that failed by its own fault or its account's; NULL
for all others.

Such a failure is no weather: the request fails wherever it is sent. A request that another
deployment answered in the end was not at fault."""

PERIOD_S = 300
"""Seconds in which calls are compared, to estimate how long a send without a row took."""
MIN_CALLS = 5
"""Calls with one send, in such a period, from which on that is estimated from their times. With
fewer, all sends of a request are taken to have lasted equally long."""

_ROWS = "greatest(coalesce(len(tries), 0), 1)"
_ONLY_TRY = """{'offset_s': 0.0, 'latency_s': latency_s, 'provider': provider,
    'model': requested_model, 'status': status, 'error': error}"""
_BEGAN = "coalesce(send.offset_s, 0)"

_DESCRIBED = {
    # requests that were sent; more: sends beyond those that the log describes
    "counted": f"""
        SELECT *, CASE WHEN coalesce(cached, 'no') = 'no' AND attempts > {_ROWS}
            THEN attempts - {_ROWS} ELSE 0 END AS more
        FROM {{source}}
        WHERE coalesce(len(tries), 0) > 0
            OR requested_model IS NOT NULL AND coalesce(cached, 'no') = 'no'""",
    # a row for each described send, the place-th of `among`; alone: the log lists no tries
    "listed": f"""
        SELECT *, len(listed) AS among, unnest(listed) AS send,
            generate_subscripts(listed, 1) AS place
        FROM (
            SELECT *, CASE WHEN len(tries) > 0 THEN tries ELSE [{_ONLY_TRY}] END AS listed,
                coalesce(len(tries), 0) = 0 AS alone
            FROM counted)""",
    # began, took: seconds; first: seconds to the first token, from the request's arrival
    "described": f"""
        SELECT whose, place, among, more, arrival_ns, input_tokens, output_tokens,
            coalesce(send.provider, provider) AS provider, send.model AS requested_model,
            {_BEGAN} AS began,
            CASE WHEN place = among AND NOT coalesce(failed, false)
                THEN coalesce(latency_s - {_BEGAN}, send.latency_s)
                ELSE send.latency_s END AS took,
            CASE WHEN place = among AND {_BEGAN} = 0 THEN ttft_s END AS first,
            send.status AS status,
            CASE WHEN alone THEN coalesce(failed, send.status >= 400, false)
                ELSE coalesce(send.status >= 400 OR send.status = 0,
                    place < among OR coalesce(failed, false)) END AS failed,
            coalesce(failed, false) AND blamed(send.status, send.error) IS NOT NULL AS own,
            (arrival_ns // {PERIOD_S}000000000) AS spell
        FROM listed""",
}
"""Steps to the sends that a log describes."""

_LONGER = {
    # mean seconds of calls with one send
    "usual": f"""
        SELECT {TARGET} AS name, spell, avg(took) AS took FROM described
        WHERE more = 0 AND NOT failed
        GROUP BY ALL HAVING count(took) >= {MIN_CALLS}""",
    # each: seconds by which a send without a row made its request longer
    "longer": f"""
        SELECT {TARGET} AS name, described.spell,
            greatest(sum(described.took - usual.took) / sum(more), 0.0) AS each
        FROM described
        JOIN usual ON usual.name = {TARGET} AND usual.spell = described.spell
        WHERE more > 0 AND place = 1 AND NOT failed
        GROUP BY ALL""",
}
"""Steps to the time of sends that it only counts."""

_ALL_SENDS = {
    "waited": f"""
        SELECT described.*, least(each, took / (more + 1)) AS estimated,
            coalesce(estimated, took / (more + 1)) AS each_s
        FROM described
        LEFT JOIN longer ON more > 0 AND place = 1 AND longer.name = {TARGET}
            AND longer.spell = described.spell""",
    # the described sends, behind those without a row; then these
    "all_sends": """
        SELECT whose, place + more AS nth, among + more AS sent,
            arrival_ns + CAST((began + CASE WHEN more > 0 AND place = 1
                THEN more * coalesce(each_s, 0) ELSE 0 END) * 1e9 AS BIGINT) AS t,
            provider, requested_model, input_tokens, output_tokens,
            CASE WHEN more > 0 AND place = 1
                THEN CASE WHEN estimated IS NULL THEN each_s END ELSE took END AS latency_s,
            CASE WHEN more = 0 THEN first END AS ttft_s, status, failed, own
        FROM waited
        UNION ALL
        SELECT whose, nth, among + more,
            arrival_ns + CAST((nth - 1) * coalesce(each_s, 0) * 1e9 AS BIGINT),
            provider, requested_model, input_tokens, output_tokens, each_s, NULL, NULL, true, false
        FROM (
            SELECT *, unnest(range(1, more + 1)) AS nth FROM waited
            WHERE more > 0 AND place = 1)""",
}


def sends_query(run: Any, source: str) -> str:
    """SQL for all sends of the requests in `source`, which has their `rowid` as `whose`. run: a
    database's `execute`, which makes the table `longer` that the query reads.

    Columns: whose; nth of how many (sent); t (ns since the log's epoch); provider and
    requested_model, and both as target (NULL where it cannot be told); input_tokens, output_tokens;
    latency_s, ttft_s; status; failed; own (the failure was the request's own fault: no weather).

    What a log counts in `attempts` beyond the sends that it describes was absorbed by the gateway:
    failures of the first target before its logged send, whose seconds include theirs. Their length
    is the time by which such requests took longer, on average, than requests of the same minutes
    that were sent once; the time of the logged send itself is then unknown.
    """
    run(f"""
        CREATE OR REPLACE TEMP TABLE longer AS
        {_with_steps(source, _DESCRIBED | _LONGER)} SELECT * FROM longer""")
    steps = _with_steps(source, _DESCRIBED | _ALL_SENDS)
    return f"{steps} SELECT *, {TARGET} AS target FROM all_sends"


def _with_steps(source: str, steps: dict[str, str]) -> str:
    """SQL: a WITH clause. What several steps read is computed for each of them, a block of rows at
    a time: kept, it would take memory by the length of the log."""
    parts = ", ".join(f"{name} AS NOT MATERIALIZED ({query})" for name, query in steps.items())
    return f"WITH {parts.replace('{source}', source)}"
