"""A table of plain columns as a data frame and a Parquet file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simroute.storage.disk import translate_errors
from simroute.traces.sql import identifier, text_literal

if TYPE_CHECKING:
    import pandas as pd


def data_frame(columns: Mapping[str, list[Any]]) -> pd.DataFrame:
    """Numbers stay numbers; a column that holds anything else becomes text."""
    import pandas as pd

    return pd.DataFrame({name: _column(values) for name, values in columns.items()})


def _column(values: list[Any]) -> Any:
    import pandas as pd

    if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return pd.Series(values, dtype="int64")
    if all(
        value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
        for value in values
    ):
        return pd.Series(values, dtype="float64")
    return pd.Series(
        [
            None if value is None else value if isinstance(value, str) else _text(value)
            for value in values
        ],
        dtype="object",
    )


def _text(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """As one Parquet file."""
    import duckdb

    typed = ", ".join(
        f"{identifier(name)}::VARCHAR AS {identifier(name)}"
        for name in table.columns
        if table[name].dtype == "object"
    )
    columns = f"* REPLACE ({typed})" if typed else "*"
    with translate_errors(path), duckdb.connect() as base:
        base.register("made", table)
        base.execute(
            f"COPY (SELECT {columns} FROM made) TO {text_literal(str(path))} (FORMAT parquet)"
        )
