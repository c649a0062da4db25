"""Paths in a scenario, made absolute: those of its file from its folder, those of the command line
from the working directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simroute.config.inputs import FILES
from simroute.config.yaml_reader import Document


def with_absolute_paths(data: Any, document: Document) -> Any:
    """A scenario's data with its paths made absolute: those of the file from its folder, those of
    the command line from the working directory."""
    if not isinstance(data, dict):
        return data
    data = _with_absolute_incidents(data, document)
    if not isinstance(data.get("workload"), dict):
        return data
    load, written = dict(data["workload"]), document.data.get("workload")
    for kind in FILES:
        if isinstance(load.get(kind), str):
            is_own = isinstance(written, dict) and written.get(kind) == load[kind]
            folder = document.folder if is_own else Path.cwd()
            load[kind] = str((folder / load[kind]).resolve())
    return {**data, "workload": load}


def _with_absolute_incidents(data: dict[str, Any], document: Document) -> dict[str, Any]:
    """The same for the files of incidents that outages name."""
    outages, written = data.get("outages"), document.data.get("outages")
    if not isinstance(outages, dict):
        return data
    made = dict(outages)
    for name, outage in outages.items():
        source = outage.get("incidents") if isinstance(outage, dict) else None
        if isinstance(source, dict) and isinstance(source.get("file"), str):
            own = written.get(name) if isinstance(written, dict) else None
            own = own.get("incidents") if isinstance(own, dict) else None
            is_own = isinstance(own, dict) and own.get("file") == source["file"]
            folder = document.folder if is_own else Path.cwd()
            path = str((folder / source["file"]).resolve())
            made[name] = {**outage, "incidents": {**source, "file": path}}
    return {**data, "outages": made}
