"""Known formats, one file each: a module with the names that `Format` asks for. A new one is a new file and its name in `KNOWN`."""

from __future__ import annotations

import difflib
from importlib import import_module
from pathlib import Path
from typing import Literal, Protocol, cast

from simroute.traces.files import Record, Sample, TraceError, Unfold, unfolded

KNOWN = (
    "azure",
    "bailian",
    "burstgpt",
    "canonical",
    "helicone",
    "langfuse",
    "litellm_spend",
    "mooncake",
    "openrouter",
    "plain",
    "portkey",
    "ragpulse",
    "rows",
)
