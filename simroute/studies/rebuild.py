"""A finished run's figures, read back from its folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simroute.errors import InputError
from simroute.report import render_page
from simroute.studies.comparison.evidence import VERSION

SUMMARY, EVIDENCE, REPORT, SENSITIVITY = (
    "summary.json",
    "evidence.json",
    "report.html",
    "sensitivity.json",
)
MOST_BYTES = 256 << 20


def rebuild_report(folder: Path) -> str:
    """The report of a run, from what it has stored. Raises InputError."""
    if not folder.is_dir():
        raise InputError(
            f"{folder}: no such folder; give the folder of a run, such as reports/demo-compare"
        )
    if (folder / SENSITIVITY).is_file() and not (folder / SUMMARY).is_file():
        return _again_from(folder / SENSITIVITY)
    summary = _read(folder / SUMMARY, 1, "a run's folder holds one; give such a folder")
    if summary.get("command") == "tune":
        return _searched(folder, summary)
    if summary.get("command") == "forecast":
        return _forecast(folder, summary)
    evidence = _read(folder / EVIDENCE, VERSION, _again(folder, summary))
    subject = f"{folder}: {SUMMARY} and {EVIDENCE} do not fit together"
    return _rendered(lambda: render_page(summary, evidence), subject, _again(folder, summary))


def _again_from(path: Path) -> str:
    from simroute.report import sensitivity_page

    remedy = "run compare --vary or --tornado again"
    content = _read(path, 1, remedy)
    return _rendered(lambda: sensitivity_page.render_page(content), _strange(path), remedy)


def _searched(folder: Path, summary: dict[str, Any]) -> str:
    from simroute.report import tuning_page
    from simroute.studies.tuning.outcome.sentences import sentences

    def render() -> str:
        return tuning_page.render_page(summary, sentences(summary), _text(folder / "config.yaml"))

    return _rendered(render, _strange(folder / SUMMARY), _again(folder, summary))


def _forecast(folder: Path, summary: dict[str, Any]) -> str:
    from simroute.report import forecast_page

    def render() -> str:
        return forecast_page.render_page(summary)

    return _rendered(render, _strange(folder / SUMMARY), _again(folder, summary))


def _strange(path: Path) -> str:
    return f"{path}: is not as it was written"


def _rendered(render: Callable[[], str], subject: str, remedy: str) -> str:
    """A page. Raises InputError where the stored documents are not what they should be: `subject`
    says which, `remedy` what to do."""
    try:
        return render()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        problem = f"{type(error).__name__}: {error}"
        raise InputError(f"{subject} ({problem[:120]}); {remedy}") from None


def _text(path: Path) -> str:
    """As it stands there, empty if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError):
        return ""


def _again(folder: Path, summary: dict[str, Any]) -> str:
    return (
        f"run again: simroute {summary.get('command', 'compare')} --config "
        f"{folder / 'config.yaml'} --out {folder}"
    )


def _read(path: Path, version: int, remedy: str) -> dict[str, Any]:
    """A JSON file of a stated version; nothing else is read, and nothing in it is executed."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(
                f"{path}: larger than {MOST_BYTES >> 20} MiB; simroute writes none so large"
            )
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path}: there is none; {remedy}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: not JSON; {remedy}") from None
    have = content.get("schema_version") if isinstance(content, dict) else None
    if have != version:
        by = (
            content.get("simroute", "another version")
            if isinstance(content, dict)
            else "something else"
        )
        raise InputError(
            f"{path}: has schema version {have!r}, written by simroute {by}; this one reads "
            f"{version}; {remedy}"
        )
    return content  # type: ignore[no-any-return]
