"""A trace as arrays: what is fitted, compared with what a fitted scenario gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from simroute.text import shortened
from simroute.traces.analysis.aggregates import answering_models, cost_equations
from simroute.traces.analysis.groups import kinds_of_work
from simroute.traces.embeddings import separate_embeddings
from simroute.traces.failures import ABANDONED, count_failures
from simroute.traces.raw_text import TraceError
from simroute.traces.sends import INVALID, sends_query
from simroute.traces.table import RequestTable

MOST_NAMES = 30
"""Users, features and tasks with a share of their own, the busiest first."""
OTHERS = "others"
LONGEST = 100
"""Characters of their names: written as escapes, ten for one, these are still a key of YAML, which
has at most 1,024."""
FEWEST = 10
"""Requests."""
HUNG, UNTOLD = 504, 500
"""Statuses: no answer ever came; the log does not say which."""

NOBODYS = (
    f"len(list_filter(tries, lambda t: t.model IS NULL)) > 0 OR"
    f" (failed AND {INVALID} IS NULL AND coalesce(len(tries), 0) = 0 AND requested_model IS NULL)"
)
"""A request with a failure of which it cannot be told whose it was, as SQL over `requests`."""


@dataclass
class Calls:
    """What was sent upstream, in order of time: seconds from the start, tokens, seconds (NaN where
    unknown), and HTTP status (200: answered)."""

    t: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    latency: np.ndarray
    ttft: np.ndarray
    status: np.ndarray

    def where(self, chosen: np.ndarray) -> Calls:
        """Some of them."""
        return Calls(
            *(
                getattr(self, name)[chosen]
                for name in ("t", "input_tokens", "output_tokens", "latency", "ttft", "status")
            )
        )

    @property
    def failed(self) -> np.ndarray:
        """Neither answered nor given up."""
        return np.asarray((self.status != 200) & (self.status != ABANDONED))


@dataclass
class Sample:
    """The requests of a trace that a scenario is fitted to.

    arrival: seconds from the start, in order. span: seconds.
    starts: hour of the week at the start; 0 is Monday 00:00, or not known.
    date: day of the last arrival (UTC); None on a relative clock.
    answered: arrivals (s) of the answered requests, whose tokens and task codes follow.
    shares: kind -> name -> requests. streamed: (streamed answers, answers that say).
    calls: (provider, model) -> calls.
    repeats: how often each question was asked, the most frequent first.
    sessions: as `_sessions` describes. bills: as `aggregates.cost_equations`.
    answers: as `aggregates.answering_models`.
    invalid: status -> requests that failed by their own fault; they are among no deployment's
        calls, unless it never answered.
    untold: failed requests without a status. nobodys: requests with a failure that cannot be
        assigned to a deployment. groups: what model groups are taken for, in a sentence.
    """

    arrival: np.ndarray
    span: float
    starts: float
    date: str | None
    answered: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    task: np.ndarray
    shares: dict[str, dict[str, int]] = field(default_factory=dict)
    streamed: tuple[int, int] = (0, 0)
    calls: dict[tuple[str, str], Calls] = field(default_factory=dict)
    repeats: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    sessions: np.ndarray = field(default_factory=lambda: np.zeros((2, 0)))
    bills: dict[str, list[list[float]]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    invalid: dict[int, int] = field(default_factory=dict)
    untold: int = 0
    nobodys: int = 0
    groups: str = ""


def read_sample(
    table: RequestTable, start_ns: int | None = None, stop_ns: int | None = None
) -> Sample:
    """The requests of a trace that came from `start_ns` until before `stop_ns`. Raises TraceError
    when they tell nothing."""
    separate_embeddings(table)
    first, last = table.rows("SELECT min(arrival_ns), max(arrival_ns) FROM requests")[0]
    start, stop = first if start_ns is None else start_ns, last + 1 if stop_ns is None else stop_ns
    run = table.connection.execute
    work, why = _work(table)
    within = f"FROM requests WHERE arrival_ns >= {start} AND arrival_ns < {stop}"
    run(
        f"CREATE OR REPLACE TEMP VIEW part AS SELECT rowid AS whose, * REPLACE ({work} AS task) "
        f"{within}"
    )
    arrival = _column(table, f"(arrival_ns - {start}) / 1e9", "part ORDER BY arrival_ns")
    if len(arrival) < FEWEST:
        raise TraceError(
            f"only {len(arrival)} requests: too few to fit anything; at least {FEWEST} are needed"
        )
    if arrival[0] == arrival[-1]:
        raise TraceError(
            f"all {len(arrival)} requests came at one moment: nothing tells how often they come; "
            f"is it the right column?"
        )
    shares = {kind: _shares(table, kind) for kind in ("task", "user", "feature")}
    tasks = [name for name in shares["task"] if name != OTHERS or len(shares["task"]) <= MOST_NAMES]
    code = " ".join(f"WHEN '{_quoted(name)}' THEN {place}" for place, name in enumerate(tasks))
    shares = {
        kind: {short: found[name] for name, short in shortened(found, LONGEST).items()}
        for kind, found in shares.items()
    }
    answered = "part WHERE NOT coalesce(failed, false) AND input_tokens > 0"
    good = f"{answered} ORDER BY arrival_ns"
    if not table.value(f"SELECT count(*) FROM {answered}"):
        raise TraceError(
            "no request was answered with tokens told: nothing tells how long prompts and "
            "answers are"
        )
    faults = count_failures(table, "part")
    began = datetime.fromtimestamp(0 if table.relative else start / 1e9, UTC)
    return Sample(
        arrival,
        (min(stop, last) - start) / 1e9,
        0.0
        if table.relative
        else began.weekday() * 24 + began.hour + began.minute / 60 + began.second / 3600,
        None
        if table.relative
        else datetime.fromtimestamp(min(stop, last) / 1e9, UTC).strftime("%Y-%m-%d"),
        _column(table, f"(arrival_ns - {start}) / 1e9", good),
        _column(table, "input_tokens", good),
        _column(table, "coalesce(output_tokens, 0)", good),
        _column(table, f"CASE task {code} ELSE -1 END" if len(tasks) > 1 else "0", good).astype(
            np.int64
        ),
        shares,
        table.rows(
            "SELECT count(*) FILTER (streamed), count(streamed) FROM part WHERE NOT "
            "coalesce(failed, false)"
        )[0],
        _calls(table, start),
        _repeats(table),
        _sessions(table),
        cost_equations(table, "part"),
        answering_models(table, "part"),
        faults.invalid,
        faults.without_status,
        table.value(f"SELECT count(*) FROM part WHERE {NOBODYS}"),
        why,
    )


def _work(table: RequestTable) -> tuple[str, str]:
    """SQL for the kind of work of a request, and why, if it is not the log's own word."""
    if table.value("SELECT count(task) FROM requests"):
        return "task", ""
    groups = [
        row[0]
        for row in table.rows(
            "SELECT model_group FROM requests WHERE model_group IS NOT NULL GROUP BY 1 ORDER BY "
            "count(*) DESC, 1"
        )
    ]
    models = table.rows(
        "SELECT DISTINCT unnest([model, requested_model]) AS name FROM requests WHERE model IS "
        "DISTINCT FROM model_group"
    )
    found, why = kinds_of_work(groups, [name for (name,) in models if name])
    listed = ", ".join(f"'{_quoted(group)}'" for group in found)
    return f"CASE WHEN model_group IN ({listed}) THEN model_group END" if found else "task", why


def _column(table: RequestTable, what: str, source: str) -> np.ndarray:
    found = table.connection.execute(
        f"SELECT CAST({what} AS DOUBLE) AS c FROM {source}"
    ).fetchnumpy()["c"]
    return (
        np.ma.filled(found, np.nan) if isinstance(found, np.ma.MaskedArray) else np.asarray(found)
    )


def _shares(table: RequestTable, kind: str) -> dict[str, int]:
    """Name -> requests, the most frequent first, and all others together as `OTHERS`."""
    rows = table.rows(
        f'SELECT "{kind}", count(*) FROM part WHERE "{kind}" IS NOT NULL GROUP BY 1 ORDER BY 2 '
        f"DESC, 1"
    )
    found, rest = dict(rows[:MOST_NAMES]), sum(count for _, count in rows[MOST_NAMES:])
    return found | {OTHERS: found.get(OTHERS, 0) + rest} if rest else found


def _calls(table: RequestTable, start: int) -> dict[tuple[str, str], Calls]:
    status = (
        f"CASE WHEN NOT failed THEN 200 WHEN status = 0 THEN {HUNG} WHEN status >= 300 THEN "
        f"status ELSE {UNTOLD} END"
    )
    table.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE calls AS SELECT (t - {start}) / 1e9 AS t, "
        f"coalesce(provider, '?') AS p, requested_model AS m,"
        f" input_tokens AS i, output_tokens AS o, latency_s AS l, ttft_s AS f, {status} AS s, "
        f"own FROM ({sends_query('part')}) WHERE target IS NOT NULL"
    )
    found = {}
    good = "count(*) FILTER (s = 200)"
    for provider, model, answered in table.rows(
        f"SELECT p, m, {good} FROM calls GROUP BY 1, 2 ORDER BY {good} = 0, count(*) DESC, 1, 2"
    ):
        mine = (
            f"calls WHERE p = '{_quoted(provider)}' AND m = "
            f"'{_quoted(model)}'{' AND NOT own' if answered else ''} ORDER BY t"
        )
        columns = {name: _column(table, name, mine) for name in ("t", "i", "o", "l", "f", "s")}
        found[provider, model] = Calls(
            columns["t"],
            np.nan_to_num(columns["i"]),
            np.nan_to_num(columns["o"]),
            columns["l"],
            columns["f"],
            columns["s"].astype(np.int64),
        )
    return found


def _repeats(table: RequestTable) -> np.ndarray:
    word = "coalesce(question, CAST(hash(blocks, input_tokens) AS VARCHAR))"
    rows = (
        f"SELECT count(*) AS n FROM part WHERE question IS NOT NULL OR len(blocks) > 0 GROUP "
        f"BY {word}"
    )
    return _column(table, "n", f"({rows}) ORDER BY n DESC").astype(np.int64)


def _sessions(table: RequestTable) -> np.ndarray:
    """(2, sessions' requests): turns of the session at its first request (0 at the others), seconds
    since the turn before (NaN at the first)."""
    source = (
        "(SELECT arrival_ns, CASE WHEN row_number() OVER one = 1 THEN count(*) OVER (PARTITION "
        "BY session) ELSE 0 END AS turns,"
        " (arrival_ns - lag(arrival_ns) OVER one) / 1e9 AS since FROM part WHERE session IS NOT "
        "NULL"
        " WINDOW one AS (PARTITION BY session ORDER BY arrival_ns)) ORDER BY arrival_ns"
    )
    return np.stack([_column(table, "turns", source), _column(table, "since", source)])


def _quoted(text: str) -> str:
    return text.replace("'", "''")
