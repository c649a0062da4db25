"""Incidents that happened: an outage that names a file of them becomes one scheduled outage for
each, so that a run needs the file no more."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from simroute.config.inputs import run_calendar
from simroute.config.yaml_reader import Document
from simroute.errors import InputError, nearest
from simroute.models import spec
from simroute.models.calendar import DAY, parse_start

NEEDED = ("provider", "start_utc", "end_utc", "impact")
LONGEST = 7 * DAY
"""Longer incidents are left out: they are notices that nobody closed, and one of them would be most
of the time under any."""
FEW = 0.2
"""A year with fewer incidents than this share of the fullest year's is told: a file may have
gaps."""
MOST = 5_000


class Incident(NamedTuple):
    """Seconds since 1970, and what the file says of it."""

    start: float
    end: float
    impact: str
    services: str


def replay_incidents(
    scenario: spec.Scenario, document: Document, notes: list[str]
) -> spec.Scenario:
    """The scenario with the incidents of its files as scheduled outages. Raises InputError with
    what is wrong with each file."""
    outages: dict[str, spec.Outage] = {}
    problems: list[str] = []
    for name, outage in scenario.outages.items():
        if outage.incidents is None:
            outages[name] = outage
            continue
        where = f"{document.where(('outages', name, 'incidents'))}: outages.{name}.incidents"
        try:
            outages |= _replayed(name, outage, scenario, notes)
        except (OSError, ValueError) as error:
            said = str(error)
            if isinstance(error, OSError):
                said = f"{error.strerror} ({outage.incidents.file})"
            elif isinstance(error, UnicodeDecodeError):
                said = f"{outage.incidents.file}: is no text in UTF-8"
            problems.append(f"{where}: {said}")
    if problems:
        raise InputError(*problems)
    return replace(scenario, outages=outages)


def _replayed(
    name: str, outage: spec.Outage, scenario: spec.Scenario, notes: list[str]
) -> dict[str, spec.Outage]:
    source = outage.incidents
    assert source is not None
    begins, ends = _span(source, scenario)
    company = source.company or outage.provider
    if company is None:
        raise ValueError("company: say whose incidents, since the outage names no provider")
    of_company = _read(Path(source.file), company)
    told = f"{name}: {Path(source.file).name}"
    notes += [f"{told}: {line}" for line in _gaps(of_company, begins, ends)]
    there = [one for one in of_company if one.end > begins and one.start < ends]
    chosen = [one for one in there if _is_wanted(one, source)]
    sound = [one for one in chosen if 0 < one.end - one.start <= LONGEST]
    if len(sound) > MOST:
        raise ValueError(f"{len(sound):,} incidents are too many; at most {MOST:,} are played")
    long = [one for one in chosen if one.end - one.start > LONGEST]
    if long:
        most = max(one.end - one.start for one in long) / 60
        notes.append(
            f"{told}: {len(long)} longer than 7 days (up to {most:,.0f} minutes) left out, as "
            f"notices that nobody closed"
        )
    notes.append(
        f"{told}: {len(sound)} incidents of {company} are played, of {len(there)} in that time; "
        f"how deep each was is assumed from its impact"
    )
    if of_company and not there:
        first, last = (
            f"{datetime.fromtimestamp(one.start, UTC):%Y-%m-%d}"
            for one in (of_company[0], of_company[-1])
        )
        notes.append(f"{told}: its incidents of {company} began from {first} to {last}; see since")
    made = {}
    for number, one in enumerate(sound, 1):
        when = datetime.fromtimestamp(one.start, UTC)
        made[f"{name}-{number}-{when:%Y-%m-%d}"] = replace(
            outage,
            incidents=None,
            start=max(0.0, one.start - begins),
            end=min(one.end, ends) - begins,
            error_share=outage.error_share * source.depth[one.impact],
        )
    return made


def _span(source: spec.Incidents, scenario: spec.Scenario) -> tuple[float, float]:
    """From when until when incidents are played, seconds since 1970: t = 0, and at the latest the
    horizon."""
    calendar = run_calendar(scenario)
    if source.since is not None:
        begins = _moment(source.since, "since")
    elif calendar.dated:
        begins = calendar.timestamp(0.0)
    else:
        raise ValueError("since: say which day is t = 0, such as 2026-05-01")
    ends = begins + scenario.horizon
    if source.until is not None:
        ends = min(ends, _moment(source.until, "until"))
    if ends <= begins:
        raise ValueError("until: is not after since")
    return begins, ends


def _moment(value: float | str, key: str) -> float:
    if not isinstance(value, str):
        raise ValueError(f"{key}: expected a date such as 2026-05-01, found {value:g}")
    return parse_start(value).timestamp()


def _is_wanted(one: Incident, source: spec.Incidents) -> bool:
    known = source.depth.get(one.impact, 0.0) > 0
    wanted = not source.impact or one.impact in source.impact
    part = source.component is None or source.component.lower() in one.services.lower()
    return known and wanted and part


def _read(path: Path, company: str) -> list[Incident]:
    """The incidents of a company that have a start and an end, by start."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        missing = [column for column in NEEDED if column not in (rows.fieldnames or ())]
        if missing:
            raise ValueError(
                f"{path.name} has no column {missing[0]}; needed are {', '.join(NEEDED)} "
                f"(and services, for component)"
            )
        found, names = [], set()
        for row in rows:
            names.add(row["provider"])
            if row["provider"] == company and row["start_utc"] and row["end_utc"]:
                start, end = (_utc(row[key], rows.line_num) for key in NEEDED[1:3])
                found.append(Incident(start, end, row["impact"], row.get("services") or ""))
    if not found:
        raise ValueError(f"{path.name} has none of {company!r}; {nearest(company, sorted(names))}")
    return sorted(found)


def _utc(text: str, line: int) -> float:
    try:
        when = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ValueError(f"line {line}: {text[:40]!r} is no date and time") from None
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


def _gaps(incidents: list[Incident], begins: float, ends: float) -> Iterable[str]:
    """Years of the time that is played of which the file has nearly nothing."""
    years = Counter(datetime.fromtimestamp(one.start, UTC).year for one in incidents)
    first, last = (datetime.fromtimestamp(t, UTC).year for t in (begins, ends))
    for year in range(first, last + 1):
        if years[year] < FEW * max(years.values()):
            yield (
                f"has {years[year]} incidents of {year}, where its fullest year has "
                f"{max(years.values())}: how often they come cannot be read off it"
            )
