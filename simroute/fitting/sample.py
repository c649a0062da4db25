"""A trace as arrays: what a scenario is fitted to, and compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from simroute.text import shortened
from simroute.traces.analysis.aggregates import answering_models, cost_equations
from simroute.traces.analysis.groups import kinds_of_work
from simroute.traces.embeddings import separate_embeddings
from simroute.traces.failures import ABANDONED, count_failures
from simroute.traces.raw_text import TraceError
from simroute.traces.sends import INVALID, sends_query
from simroute.traces.sql import text_literal
from simroute.traces.table import RequestTable

MAX_NAMES = 30
"""Users, features and tasks with a share of their own, the most frequent first."""
OTHERS = "others"
MAX_LENGTH = 100
"""Characters of their names: written as escapes, ten for one, these are still a key of YAML, which
has at most 1,024."""
MIN_REQUESTS = 10
HUNG, UNKNOWN_STATUS = 504, 500
"""Statuses of calls that never got an answer, and of failures without a status in the log."""

UNASSIGNED = f"""
    len(list_filter(tries, lambda t: t.model IS NULL)) > 0
    OR (failed AND {INVALID} IS NULL AND coalesce(len(tries), 0) = 0 AND requested_model IS NULL)"""
"""SQL over `requests`: the request has a failure that cannot be assigned to a deployment."""

ANSWERED = "part WHERE NOT coalesce(failed, false) AND input_tokens > 0"
"""SQL: rows of the view `part` that tell how long prompts and answers are."""


@dataclass
class Calls:
    """Calls sent upstream, in order of time.

    t: seconds from the start. latency, ttft: seconds, NaN where unknown. status: HTTP-like, 200 for
    an answer.
    """

    t: np.ndarray
    input_tokens: np.ndarray
    output_tokens: np.ndarray
    latency: np.ndarray
    ttft: np.ndarray
    status: np.ndarray

    def where(self, selected: np.ndarray) -> Calls:
        """The calls of a mask, or at these indices."""
        names = ("t", "input_tokens", "output_tokens", "latency", "ttft", "status")
        return Calls(*(getattr(self, name)[selected] for name in names))

    @property
    def failed(self) -> np.ndarray:
        """Mask of calls that were neither answered nor abandoned."""
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
    sessions: as `_sessions` describes. cost_equations, answering_models: as `aggregates` has them.
    invalid: status -> requests that failed by their own fault; they are among no deployment's
        calls, unless it never answered.
    without_status: failed requests without a status. unassigned: requests with a failure that
        cannot be assigned to a deployment. groups: what model groups are taken for, in a sentence.
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
    cost_equations: dict[str, list[list[float]]] = field(default_factory=dict)
    answering_models: dict[str, str] = field(default_factory=dict)
    invalid: dict[int, int] = field(default_factory=dict)
    without_status: int = 0
    unassigned: int = 0
    groups: str = ""


class _Clock(NamedTuple):
    """As in `Sample`; start in the log's nanoseconds."""

    start: int
    span: float
    starts: float
    date: str | None


def read_sample(
    table: RequestTable, start_ns: int | None = None, stop_ns: int | None = None
) -> Sample:
    """The requests of a trace from `start_ns` until before `stop_ns`. Raises TraceError when they
    tell too little."""
    separate_embeddings(table)
    clock, groups = _select_part(table, start_ns, stop_ns)
    moment = f"(arrival_ns - {clock.start}) / 1e9"
    (arrival,) = _columns(table, [moment], "part ORDER BY arrival_ns")
    _check_requests(table, arrival)
    shares = {kind: _shares(table, kind) for kind in ("task", "user", "feature")}
    answered, input_tokens, output_tokens, task = _columns(
        table,
        [moment, "input_tokens", "coalesce(output_tokens, 0)", _task_codes(shares["task"])],
        f"{ANSWERED} ORDER BY arrival_ns",
    )
    failures = count_failures(table, "part")
    return Sample(
        arrival=arrival,
        span=clock.span,
        starts=clock.starts,
        date=clock.date,
        answered=answered,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        task=task.astype(np.int64),
        shares={
            kind: {short: counts[name] for name, short in shortened(counts, MAX_LENGTH).items()}
            for kind, counts in shares.items()
        },
        streamed=table.rows("""
            SELECT count(*) FILTER (streamed), count(streamed) FROM part
            WHERE NOT coalesce(failed, false)""")[0],
        calls=_calls(table, clock.start),
        repeats=_repeats(table),
        sessions=_sessions(table),
        cost_equations=cost_equations(table, "part"),
        answering_models=answering_models(table, "part"),
        invalid=failures.invalid,
        without_status=failures.without_status,
        unassigned=table.value(f"SELECT count(*) FROM part WHERE {UNASSIGNED}"),
        groups=groups,
    )


def _select_part(
    table: RequestTable, start_ns: int | None, stop_ns: int | None
) -> tuple[_Clock, str]:
    """Make the view `part` of the requests of that time, with their kind of work as `task`. Returns
    its clock, and what model groups are taken for, in a sentence."""
    first, last = table.rows("SELECT min(arrival_ns), max(arrival_ns) FROM requests")[0]
    start, stop = first if start_ns is None else start_ns, last + 1 if stop_ns is None else stop_ns
    task, groups = _task_sql(table)
    table.connection.execute(f"""
        CREATE OR REPLACE TEMP VIEW part AS
        SELECT rowid AS whose, * REPLACE ({task} AS task)
        FROM requests WHERE arrival_ns >= {start} AND arrival_ns < {stop}""")
    end = min(stop, last)
    if table.relative:
        return _Clock(start, (end - start) / 1e9, 0.0, None), groups
    began = datetime.fromtimestamp(start / 1e9, UTC)
    starts = began.weekday() * 24 + began.hour + began.minute / 60 + began.second / 3600
    date = datetime.fromtimestamp(end / 1e9, UTC).strftime("%Y-%m-%d")
    return _Clock(start, (end - start) / 1e9, starts, date), groups


def _check_requests(table: RequestTable, arrival: np.ndarray) -> None:
    """Raises TraceError where the requests of `part` tell too little to fit anything."""
    if len(arrival) < MIN_REQUESTS:
        raise TraceError(
            f"only {len(arrival)} requests: too few to fit anything; at least {MIN_REQUESTS} are "
            f"needed"
        )
    if arrival[0] == arrival[-1]:
        raise TraceError(
            f"all {len(arrival)} requests came at one moment: nothing tells how often they come; "
            f"is it the right column?"
        )
    if not table.value(f"SELECT count(*) FROM {ANSWERED}"):
        raise TraceError(
            "no request was answered with tokens told: nothing tells how long prompts and "
            "answers are"
        )


def _task_sql(table: RequestTable) -> tuple[str, str]:
    """SQL for the kind of work of a request, and, where the log has no tasks, why that."""
    if table.value("SELECT count(task) FROM requests"):
        return "task", ""
    groups = table.rows("""
        SELECT model_group FROM requests WHERE model_group IS NOT NULL
        GROUP BY 1 ORDER BY count(*) DESC, 1""")
    models = table.rows("""
        SELECT DISTINCT unnest([model, requested_model]) AS name FROM requests
        WHERE model IS DISTINCT FROM model_group""")
    kinds, why = kinds_of_work([group for (group,) in groups], [name for (name,) in models if name])
    names = ", ".join(map(text_literal, kinds))
    return f"CASE WHEN model_group IN ({names}) THEN model_group END" if kinds else "task", why


def _task_codes(counts: dict[str, int]) -> str:
    """SQL: the index of a request's task among those with a share of their own, -1 for others."""
    tasks = [name for name in counts if name != OTHERS or len(counts) <= MAX_NAMES]
    cases = " ".join(f"WHEN {text_literal(name)} THEN {k}" for k, name in enumerate(tasks))
    return f"CASE task {cases} ELSE -1 END" if len(tasks) > 1 else "0"


def _columns(table: RequestTable, expressions: list[str], source: str) -> list[np.ndarray]:
    """Floats of expressions over `source`, NaN for NULL."""
    selected = ", ".join(
        f"CAST({expression} AS DOUBLE) AS c{k}" for k, expression in enumerate(expressions)
    )
    columns = table.connection.execute(f"SELECT {selected} FROM {source}").fetchnumpy().values()
    return [np.ma.filled(np.ma.asarray(column), np.nan) for column in columns]


def _shares(table: RequestTable, kind: str) -> dict[str, int]:
    """Name -> requests, the most frequent first, and all others together as OTHERS."""
    rows = table.rows(f"""
        SELECT "{kind}", count(*) FROM part WHERE "{kind}" IS NOT NULL
        GROUP BY 1 ORDER BY 2 DESC, 1""")
    counts, others = dict(rows[:MAX_NAMES]), sum(count for _, count in rows[MAX_NAMES:])
    return counts | {OTHERS: counts.get(OTHERS, 0) + others} if others else counts


def _calls(table: RequestTable, start: int) -> dict[tuple[str, str], Calls]:
    """(provider, model) -> calls, the busiest first, those that never answered last. start: ns.

    Makes the table `calls`: t (s), p (provider), m (model), i, o (tokens), l (latency), f (first
    token), s (status), own (the failure was the request's own fault: left out where others were
    answered).
    """
    status = f"""CASE WHEN NOT failed THEN 200 WHEN status = 0 THEN {HUNG}
        WHEN status >= 300 THEN status ELSE {UNKNOWN_STATUS} END"""
    run = table.connection.execute
    run(f"""
        CREATE OR REPLACE TEMP TABLE calls AS
        SELECT (t - {start}) / 1e9 AS t, coalesce(provider, '?') AS p, requested_model AS m,
            input_tokens AS i, output_tokens AS o, latency_s AS l, ttft_s AS f, {status} AS s, own
        FROM ({sends_query(run, "part")}) WHERE target IS NOT NULL""")
    calls = {}
    good = "count(*) FILTER (s = 200)"
    for provider, model, answered in table.rows(f"""
        SELECT p, m, {good} FROM calls
        GROUP BY 1, 2 ORDER BY {good} = 0, count(*) DESC, 1, 2"""):
        source = f"""calls WHERE p = {text_literal(provider)} AND m = {text_literal(model)}
            {"AND NOT own" if answered else ""} ORDER BY t"""
        t, sent, received, latency, ttft, code = _columns(table, list("tiolfs"), source)
        calls[provider, model] = Calls(
            t,
            np.nan_to_num(sent),
            np.nan_to_num(received),
            latency,
            ttft,
            code.astype(np.int64),
        )
    return calls


def _repeats(table: RequestTable) -> np.ndarray:
    """How often each question was asked, the most frequent first."""
    counts = """
        SELECT count(*) AS n FROM part WHERE question IS NOT NULL OR len(blocks) > 0
        GROUP BY coalesce(question, CAST(hash(blocks, input_tokens) AS VARCHAR))"""
    (asked,) = _columns(table, ["n"], f"({counts}) ORDER BY n DESC")
    return asked.astype(np.int64)


def _sessions(table: RequestTable) -> np.ndarray:
    """(2, requests of sessions): turns of the session at its first request and 0 at the others;
    seconds since the turn before, NaN at the first."""
    source = """(
        SELECT arrival_ns,
            CASE WHEN row_number() OVER one = 1 THEN count(*) OVER (PARTITION BY session)
                ELSE 0 END AS turns,
            (arrival_ns - lag(arrival_ns) OVER one) / 1e9 AS since
        FROM part WHERE session IS NOT NULL
        WINDOW one AS (PARTITION BY session ORDER BY arrival_ns)) ORDER BY arrival_ns"""
    return np.stack(_columns(table, ["turns", "since"], source))
