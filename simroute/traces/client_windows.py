"""Rates of clients (ServeGen) as arrivals that can be played."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from simroute.errors import nearest
from simroute.models.clients import ClientWindows
from simroute.traces.analysis.rate_windows import read_windows
from simroute.traces.formats import servegen
from simroute.traces.raw_text import TraceError


def read_clients(path: Path, model: str | None) -> ClientWindows:
    """The clients of one model of a file; None: of its first. Raises TraceError."""
    windows = read_windows([path])
    query = "SELECT model FROM windows GROUP BY 1 ORDER BY min(rowid)"
    models = [row[0] for row in windows.rows(query)]
    if model is not None and model not in models:
        raise TraceError(f"{path}: no clients of the model {model!r}; {nearest(model, models)}")
    chosen = models[0] if model is None else model
    rows = windows.connection.execute(
        """
        WITH mine AS (SELECT * FROM windows WHERE model IS NOT DISTINCT FROM ? AND rate_rps > 0),
        ranked AS (
            SELECT client, row_number() OVER (ORDER BY sum(rate_rps) DESC, client) - 1 AS code
            FROM mine GROUP BY client)
        SELECT code, client, t_s - min(t_s) OVER () AS start, rate_rps AS rate,
            coalesce(cv, 1.0) AS cv, coalesce(pattern, '') = 'Weibull' AS weibull
        FROM mine JOIN ranked USING (client) ORDER BY code, start""",
        [chosen],
    ).fetchnumpy()
    if not len(rows["code"]):
        raise TraceError(f"{path}: no client of {chosen!r} has a rate")
    firsts = np.unique(rows["code"], return_index=True)[1]
    return ClientWindows(
        [f"client-{rows['client'][k]}" for k in firsts.tolist()],
        np.asarray(rows["code"], np.int64),
        np.asarray(np.ma.getdata(rows["start"]), float),
        np.asarray(np.ma.getdata(rows["rate"]), float),
        np.asarray(np.ma.getdata(rows["cv"]), float),
        np.asarray(np.ma.getdata(rows["weibull"]), bool),
        float(servegen.WINDOW_S),
    )
