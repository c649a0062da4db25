"""Which unfinished run may be continued, and in what another one differs."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from simroute import version
from simroute.config import yaml_reader
from simroute.config.plugins import plugin_versions
from simroute.errors import InputError
from simroute.models.random import fingerprint
from simroute.storage import Header, Journal, JournalError
from simroute.storage.folder import (
    REMEDY,
    FolderLock,
    RunDescription,
    default_folder,
    describe_busy,
    describe_unwritable,
    make_default_folder,
    prepare_folder,
)
from simroute.storage.replication_journal import JOURNAL, RunKey

SHOWN = 3
"""Differing keys that are named."""


def make_header(description: RunDescription, rows: bool) -> Header:
    """What the journal of this run says of it."""
    return Header(
        version.__version__,
        fingerprint(),
        hashlib.sha256(description.text.encode()).hexdigest(),
        rows,
        plugin_versions(description.plugins),
        description.text,
    )


def is_unfinished(out: Path) -> bool:
    """Whether a folder holds an unfinished run: there is a journal."""
    return (out / JOURNAL).is_file()


def require_unfinished(out: Path) -> None:
    """Raises InputError unless there is an unfinished run."""
    try:
        if is_unfinished(out):
            return
        finished = (out / "summary.json").is_file()
    except (OSError, ValueError) as error:
        raise InputError(describe_unwritable(out, error)) from None
    if not out.is_dir():
        raise InputError(
            f"{out}: no such folder, there is nothing to resume; leave out --resume to begin a run"
        )
    what = (
        "its run is finished and has no journal any more" if finished else "holds no unfinished run"
    )
    raise InputError(
        f"{out}: {what}, there is nothing to resume; leave out --resume to begin a run"
    )


def read_unfinished(out: Path) -> tuple[Header, set[RunKey]]:
    """Of the unfinished run in a folder: what it was started with, and what is finished. Raises
    InputError."""
    try:
        journal = Journal.open(out, read_only=True)
        try:
            return journal.header, journal.keys()
        finally:
            journal.close()
    except JournalError as error:
        raise InputError(describe_unreadable(out, error)) from None
    except OSError as error:
        raise InputError(f"{out / JOURNAL}: cannot be read ({error.strerror}); {REMEDY}") from None


def describe_progress(header: Header, finished: set[RunKey]) -> str:
    """How much of an unfinished run is finished, in words."""
    plain = yaml_reader.parse(header.configuration.encode(), "config.yaml").data
    if "replications" not in plain or "assumptions" in plain:
        return f"{len(finished)} of its runs are finished"
    every, first = plain["replications"], plain.get("replication", 0)
    whole = sum(
        all((policy, r) in finished for policy in plain["policies"])
        for r in range(first, first + every)
    )
    return f"{whole} of {every} replications are finished by all policies"


def resume_command(header: Header, out: Path) -> str:
    """The command that continues an unfinished run."""
    name = yaml_reader.parse(header.configuration.encode(), "config.yaml").data["command"]
    return f"simroute {name} --resume --out {shlex.quote(str(out))}"


def describe_unreadable(out: Path, error: JournalError) -> str:
    """The message about a journal that cannot be read."""
    if "Could not set lock" in str(error):
        return describe_busy(out)
    return f"{out / JOURNAL}: cannot be read ({error}); remove it to start anew, or {REMEDY}"


def refusal(description: RunDescription, theirs: Header, rows: bool | None) -> str | None:
    """Why this run may not continue that one, and what to do; None if it may. More replications
    than before are no difference."""
    mine = make_header(description, theirs.rows if rows is None else rows)
    if theirs.simroute != mine.simroute:
        return (
            f"it was begun by simroute {theirs.simroute}, and this is {mine.simroute}; "
            f"continue with that version, or {REMEDY}"
        )
    if theirs.fingerprint != mine.fingerprint:
        return (
            f"it was begun where arithmetic gives other bits ({theirs.fingerprint}, here "
            f"{mine.fingerprint}); continue there, or {REMEDY}"
        )
    if theirs.plugins != mine.plugins:
        return (
            f"plug-ins differ ({_list_plugins(theirs)} there, {_list_plugins(mine)} here); "
            f"give the same --plugin files, unchanged, or {REMEDY}"
        )
    if theirs.rows != mine.rows:
        return (
            f"it was begun {'with' if theirs.rows else 'without'} row files; give "
            f"--{'rows' if theirs.rows else 'no-rows'}, or {REMEDY}"
        )
    differing = (
        []
        if theirs.sha256 == mine.sha256
        else _list_differences(theirs.configuration, mine.configuration)
    )
    if not differing:
        return None
    more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
    return (
        f"{'; '.join(differing[:SHOWN])}{more}; give the words that it was begun with, or {REMEDY}"
    )


def _list_plugins(header: Header) -> str:
    return ", ".join(f"{name} {mark[:8]}" for name, mark in header.plugins) or "none"


def _list_differences(there: str, here: str) -> list[str]:
    """What differs, key by key. Only a larger number of replications may."""
    old, new = (yaml_reader.parse(text.encode(), "config.yaml").data for text in (there, here))
    if "replications" in old and old["replications"] <= new.get("replications", 0):
        new["replications"] = old["replications"]
    return list(_compare(old, new, ""))


def _compare(old: Any, new: Any, key: str) -> Iterator[str]:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        if old != new:
            yield _describe_difference(key, old, new)
        return
    for name in [*old, *(name for name in new if name not in old)]:
        yield from _compare(
            old.get(name, MISSING), new.get(name, MISSING), f"{key}.{name}" if key else str(name)
        )
    if old.keys() == new.keys() and list(old) != list(new):
        yield f"{key or 'its keys'} stand in another order"


MISSING = object()


def _describe_difference(key: str, was: Any, now: Any) -> str:
    if MISSING in (was, now):
        return f"{key} is {'new' if was is MISSING else 'missing'}"
    if key.startswith("files."):
        return f"{key.removeprefix('files.')} has other contents than then"
    return f"{key} was {_abbreviate(was)} and is now {_abbreviate(now)}" + (
        " (more can be added, not fewer)" if key == "replications" else ""
    )


def _abbreviate(value: Any) -> str:
    text = "not given" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def choose_folder(description: RunDescription, out: Path | None, resume: bool) -> Path:
    """The folder of a run, made unless it is there; with `resume` that of the unfinished run.
    Raises InputError."""
    if resume:
        return find_unfinished(description) if out is None else out
    return make_default_folder(description) if out is None else prepare_folder(out)


def find_unfinished(description: RunDescription) -> Path:
    """The default folder whose unfinished run is this one; of several the one that was last written
    to. Raises InputError."""
    first = default_folder(description)
    near = [
        path
        for path in first.parent.glob(f"{first.name}*")
        if _is_numbered(path.name, first.name) and is_unfinished(path)
    ]
    fits, running = [], []
    for path in sorted(near, key=_last_write_ns, reverse=True):
        try:
            FolderLock(path).release()
        except InputError:
            running.append(path)
            continue
        with suppress(InputError):
            if refusal(description, read_unfinished(path)[0], None) is None:
                fits.append(path)
    if fits:
        return fits[0]
    others = (
        f"; {_list_paths(near)} hold{'s' if len(near) == 1 else ''} another: --resume --out FOLDER "
        f"says in what it differs"
        if near
        else ""
    )
    if running and len(running) == len(near):
        others = f"; in {_list_paths(running)} one is running"
    raise InputError(
        f"--resume: no unfinished run of this scenario, command and configuration lies under "
        f"{first.parent}/{others}"
    )


def _list_paths(paths: list[Path]) -> str:
    return ", ".join(map(str, paths[:SHOWN]))


def _is_numbered(name: str, first: str) -> bool:
    return name == first or (name.startswith(f"{first}-") and name[len(first) + 1 :].isdigit())


def _last_write_ns(path: Path) -> int:
    """When a journal was last written to, ns."""
    return max(
        (
            each.stat().st_mtime_ns
            for each in (path / JOURNAL, path / f"{JOURNAL}.wal")
            if each.exists()
        ),
        default=0,
    )


def grown_header(theirs: Header, mine: Header) -> Header | None:
    """The header of a continued run that has more replications than when it began, None if it has
    as many."""
    return None if theirs.sha256 == mine.sha256 else replace(mine, rows=theirs.rows)
