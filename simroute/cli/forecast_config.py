"""The `config.yaml` of a forecast: which log, how it is read, and how much of it is predicted."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from simroute.cli.log_options import LogOptions
from simroute.cli.words import refuse_with_config
from simroute.config import yaml_reader
from simroute.errors import InputError
from simroute.fitting.forecast import ForecastPlan
from simroute.storage.folder import RunDescription
from simroute.traces.records import find_files

AROUND = ("out", "config", "windows", "as_json", "no_report", "quiet")
"""Options that say nothing of the forecast itself."""


def describe_forecast(log: LogOptions, plan: ForecastPlan) -> RunDescription:
    """For the folder of a forecast; `read_config` reads the text back."""
    files = [str(path.resolve()) for path in find_files(log.traces)]
    mapping = None if log.mapping is None else str(log.mapping.resolve())

    def make_text() -> str:
        plain = {
            "command": "forecast",
            "log": asdict(log) | {"traces": files, "mapping": mapping},
            "plan": plan._asdict(),
            "files": {path: _sha256(path) for path in files},
        }
        return yaml_reader.dump(plain)

    return RunDescription("forecast", log.name.split(".")[0] or "trace", (), (), make_text)


def given_words(ctx: click.Context) -> list[str]:
    """What of the forecast itself was given on the command line."""
    return [
        parameter.opts[0]
        for parameter in ctx.command.params
        if parameter.name not in AROUND
        and ctx.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    ]


def read_config(path: Path, given: list[str]) -> tuple[LogOptions, ForecastPlan]:
    """The log and the plan of an earlier forecast. `given`: what stands beside --config. Raises
    InputError."""
    refuse_with_config(given, "forecast")
    document = yaml_reader.read(path)
    data = document.data
    if data.get("command") != "forecast":
        other = data.get("command", "nothing that simroute knows")
        raise InputError(f"{path}: was written by {other}; give a forecast's config.yaml")
    examples = {"log": asdict(EXAMPLE), "plan": ForecastPlan()._asdict()}
    problems = [
        f"{document.where((part, key))}: {part}.{key}: is missing or no {NAMES[type(example)]}"
        for part, example_part in examples.items()
        for key, example in example_part.items()
        if not _is_like(_part(data, part).get(key, MISSING), example)
    ]
    if problems:
        raise InputError(*problems)
    log = LogOptions(**{**data["log"], "traces": tuple(data["log"]["traces"])})
    log = replace(log, mapping=None if log.mapping is None else Path(log.mapping))
    changed = [path for path in log.traces if _part(data, "files").get(path) != _sha256(path)]
    if changed:
        raise InputError(f"{', '.join(changed)}: has changed since that forecast (SHA-256 differs)")
    return log, ForecastPlan(**data["plan"])


EXAMPLE = LogOptions(("log",), None, None, "UTC", None, False)
MISSING = object()
NAMES = {tuple: "list of texts", str: "text", bool: "true or false", int: "whole number"}
NAMES |= {float: "number", type(None): "text or null"}


def _sha256(path: str) -> str:
    """Of a file, in hexadecimal digits. Raises InputError."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _part(data: dict[str, Any], name: str) -> dict[str, Any]:
    part = data.get(name)
    return part if isinstance(part, dict) else {}


def _is_like(value: Any, example: Any) -> bool:
    """Whether a value has the kind of the example: texts or null where that is None."""
    if isinstance(example, tuple):
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    if example is None:
        return value is None or isinstance(value, str)
    if isinstance(example, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is type(example)
