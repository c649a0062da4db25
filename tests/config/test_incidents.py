"""Incidents from a file, as scheduled outages."""

import csv
from pathlib import Path
from typing import Any

import pytest

from simroute.config.loading import load, restore
from simroute.errors import InputError
from simroute.experiment.run import build_weather

HEAD = "provider,services,start_utc,end_utc,impact"
ROWS = [
    "acme,API,2026-05-01T10:00:00Z,2026-05-01T11:30:00Z,major",
    "acme,Chat,2026-05-02T00:00:00Z,2026-05-02T01:00:00Z,minor",
    "acme,API|Chat,2026-04-30T23:00:00Z,2026-05-01T01:00:00Z,critical",
    "acme,,2026-05-03T00:00:00Z,2026-05-03T02:00:00Z,major",
    "acme,API,2026-05-03T05:00:00Z,2026-05-03T06:00:00Z,none",
    "acme,API,2026-05-02T00:00:00Z,2026-05-20T00:00:00Z,major",
    "acme,API,2026-05-04T00:00:00Z,,major",
    "other,API,2026-05-01T00:00:00Z,2026-05-02T00:00:00Z,major",
    "acme,API,2025-01-01T00:00:00Z,2025-01-01T01:00:00Z,major",
]
SCENARIO = """
horizon: {horizon}
workload: {{rate: 0.01}}
deployments: {{a: {{provider: acme, model: m, price: {{input: 1, output: 1}}}}}}
outages: {{history: {{provider: acme, error_share: 0.5, incidents: {{file: log.csv, {keys}}}}}}}
"""


def loaded(folder: Path, keys: str = "since: 2026-05-01", horizon: str = "4d", **files: str) -> Any:
    """A scenario beside its file of incidents."""
    (folder / "log.csv").write_text(files.get("log", "\n".join([HEAD, *ROWS])))
    path = folder / "s.yaml"
    path.write_text(SCENARIO.format(keys=keys, horizon=horizon))
    return load("run", str(path), ["direct"], [])


def spells(configuration: Any) -> list[tuple[float, float, float]]:
    """Hours of start and end, and the share that fails, of each outage."""
    return [
        (one.start / 3600, one.end / 3600, one.error_share)
        for one in configuration.scenario.outages.values()
    ]


def test_each_incident_is_an_outage_of_its_depth(tmp_path: Path) -> None:
    """From t = 0 on, in hours since then; half of .8, .3 and .05 fail. What has no depth, no end,
    another company or no sensible length is left out, and said."""
    made = loaded(tmp_path)
    assert spells(made) == [
        (0.0, 1.0, 0.4),
        (10.0, 11.5, 0.15),
        (24.0, 25.0, 0.025),
        (48.0, 50.0, 0.15),
    ]
    notes = "\n".join(made.notes)
    assert "4 incidents of acme are played" in notes
    assert "1 longer than 7 days (up to 25,920 minutes) left out" in notes
    windows = build_weather(made, 0).windows
    assert [(w.start, w.end) for w in windows] == [(a * 3600, b * 3600) for a, b, _ in spells(made)]
    assert build_weather(made, 7).windows == windows


@pytest.mark.parametrize(
    ("keys", "starts"),
    [
        ("since: 2026-05-01, impact: [major, critical]", [0.0, 10.0, 48.0]),
        ("since: 2026-05-01, component: api", [0.0, 10.0]),
        ("since: 2026-05-01, until: 2026-05-02", [0.0, 10.0]),
        ("since: 2026-05-02", [0.0, 24.0]),
        ("since: 2026-05-01, depth: {minor: 1}", [24.0]),
        ("since: 2026-05-01, company: other", [0.0]),
    ],
)
def test_a_window_an_impact_a_part_or_a_company_may_be_chosen(
    tmp_path: Path, keys: str, starts: list[float]
) -> None:
    """Of the incidents above, by hand."""
    assert [start for start, _, _ in spells(loaded(tmp_path, keys))] == starts


def test_a_run_keeps_its_incidents_without_the_file(tmp_path: Path) -> None:
    """config.yaml has each of them: the same weather comes back when the file is gone."""
    made = loaded(tmp_path)
    (tmp_path / "config.yaml").write_text(made.to_yaml())
    (tmp_path / "log.csv").unlink()
    assert restore(tmp_path / "config.yaml").scenario.outages == made.scenario.outages


def test_a_year_of_which_the_file_has_nearly_nothing_is_told(tmp_path: Path) -> None:
    """One row of 2025, where 2026 has seven with an end."""
    made = loaded(tmp_path, "since: 2025-01-01")
    assert any("has 1 incidents of 2025" in note for note in made.notes)
    assert not any("of 2026" in note and "fullest" in note for note in loaded(tmp_path).notes)


@pytest.mark.parametrize(
    ("keys", "log", "said"),
    [
        ("impact: [major]", None, "since: say which day is t = 0"),
        ("since: 12", None, "since: expected a date"),
        ("since: 2026-05-02, until: 2026-05-01", None, "until: is not after since"),
        ("since: 2026-05-01, company: acne", None, "did you mean acme?"),
        ("since: 2026-05-01", "a,b\n1,2\n", "has no column provider"),
        (
            "since: 2026-05-01",
            f"{HEAD}\nacme,,soon,later,major\n",
            "line 2: 'soon' is no date and time",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, keys: str, log: str | None, said: str
) -> None:
    """With file, line and key."""
    with pytest.raises(InputError) as raised:
        loaded(tmp_path, keys, **({} if log is None else {"log": log}))
    (line,) = raised.value.lines
    assert said in line
    assert "outages.history.incidents" in line
    assert "s.yaml:5" in line


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """In one line."""
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO.format(keys="since: 2026-05-01", horizon="4d"))
    with pytest.raises(InputError, match=r"outages\.history\.incidents: No such file"):
        load("run", str(path), ["direct"], [])


def test_the_public_incidents_of_a_month_can_be_played(shared: Path, tmp_path: Path) -> None:
    """Anthropic's May of 2026, but for notices longer than a week: as many as the file has of
    partial and major outages, in its own words."""
    source = shared / "data" / "incidents.csv"
    impacts = ("major_outage", "partial_outage")
    with source.open() as file:
        expected = [
            row
            for row in csv.DictReader(file)
            if row["provider"] == "anthropic"
            and row["impact"] in impacts
            and row["start_utc"] < "2026-06-01"
            and row["end_utc"] > "2026-05-01"
            and 0 < float(row["duration_min"]) <= 10_080
        ]
    made = loaded(
        tmp_path,
        f"since: 2026-05-01, company: anthropic, impact: [{', '.join(impacts)}]",
        "31d",
        log=source.read_text(),
    )
    assert len(made.scenario.outages) == len(expected) > 5
