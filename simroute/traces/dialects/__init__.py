"""Vocabularies of span attributes, one file each; several may stand in one file of spans, and even
on one span.

A dialect is a module with `FIELDS`, the attributes that it reads; `OWN`, how they begin; and
`SAYS`: figure -> SQL over them, NULL where it does not say. The figures are those of `FIGURES`; the
first dialect that says one is believed.
"""

from __future__ import annotations

from types import ModuleType

from simroute.traces.dialects import genai, litellm, openinference, openllmetry, vercel

DIALECTS: tuple[ModuleType, ...] = (vercel, openinference, genai, openllmetry, litellm)

FIGURES = (
    "kind",
    "provider",
    "answering",
    "asked",
    "streams",
    "sent",
    "given",
    "read",
    "written",
    "total",
    "first",
    "code_of_error",
    "word_of_error",
    "cost",
    "user",
    "team",
    "session",
    "feature",
)
"""kind: 'call', 'embedding' or 'other' (an agent, a tool, a wrapper); answering, asked: models;
streams: yes or no; sent, given: tokens; read, written: of a provider's cache; first: seconds to the
first token; cost: USD."""

FIELDS = tuple(dict.fromkeys(field for dialect in DIALECTS for field in dialect.FIELDS))
PREFIXES = tuple(prefix for dialect in DIALECTS for prefix in dialect.OWN)


def figure_sql(figure: str) -> str:
    """SQL of a figure, from the first dialect that says anything."""
    sources = [dialect.SAYS[figure] for dialect in DIALECTS if figure in dialect.SAYS]
    return f"coalesce({', '.join(sources)})" if sources else "NULL"


PARTS = {figure: figure_sql(figure) for figure in FIGURES}
