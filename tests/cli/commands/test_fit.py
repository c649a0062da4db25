"""`fit`: from a log to a scenario that runs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result

from simroute.cli import cli
from simroute.cli.commands.fit import _columns
from simroute.config.loading import load
from simroute.experiment.run import replicate
from simroute.layout import table_lines
from simroute.storage.rows import Frames
from simroute.worlds.sim import SimWorld

ROOT = Path(__file__).parents[3]
POLICIES = sorted(path.stem for path in (ROOT / "policies").glob("*.yaml"))
SOURCE: dict[str, Any] = {
    "horizon": "40m",
    "workload": {
        "rate": 2,
        "streamed": 0.5,
        "users": {"a": 3, "b": 1},
        "burstiness": {"peak": 5, "spell": "20s"},
    },
    "deployments": {
        "one": {
            "provider": "acme",
            "model": "m-1",
            "price": {"input": 3, "output": 15},
            "errors": {"500": 0.02},
        },
        "two": {
            "provider": "other",
            "model": "n-1",
            "price": {"input": 1, "output": 4},
            "limits": {"rpm": 30},
        },
    },
    "outages": {
        "o": {"deployment": "one", "start": "20m", "end": "30m", "error_share": 0.5, "status": 529}
    },
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Row files of a run whose scenario is known."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "source.yaml").write_text(yaml.safe_dump(SOURCE).replace("'500'", "500"))
    made = load("run", str(folder / "source.yaml"), ["failover"])
    frames: list[Frames] = []

    def sink(world: SimWorld) -> Frames:
        frames.append(Frames(world, "failover", 0))
        return frames[-1]

    replicate(made, "failover", 0, sink)
    for table in ("requests", "attempts"):
        _parquet(frames[0], table, folder / f"{table}.parquet")
    return folder / "requests.parquet"


def _parquet(frames: Frames, table: str, path: Path) -> None:
    import duckdb

    frame = frames.frame(table)
    with duckdb.connect() as base:
        base.register("part", frame)
        base.execute(f"COPY (SELECT * FROM part) TO '{path}' (FORMAT parquet)")


def said(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), standalone_mode=False)


@pytest.fixture(scope="module")
def made(rows: Path) -> tuple[Path, dict[str, Any]]:
    """The scenario fitted to them, and what --json says."""
    out = rows.parent / "scenarios" / "mine.yaml"
    found = said(
        "fit", str(rows), "-o", str(out), "--report", str(rows.parent / "mine.html"), "--json"
    )
    assert found.exception is None, found.exception
    return out, json.loads(found.stdout)


def test_a_log_of_a_known_scenario_gives_it_back(made: tuple[Path, dict[str, Any]]) -> None:
    """Prices to the cent, users, the outage within its bounds, the coin outside of it, the limit of
    the second target."""
    found, estimates = made[1]["scenario"], made[1]["estimates"]
    assert found["deployments"]["one"]["price"] == pytest.approx(
        {"input": 3, "output": 15}, abs=0.01
    )
    assert found["workload"]["users"] == pytest.approx({"a": 0.75, "b": 0.25}, abs=0.03)
    assert found["workload"]["burstiness"]["peak"] == pytest.approx(5, rel=0.15)
    bounds = {key: (found["low"], found["high"]) for key, found in estimates.items()}
    assert bounds["outages.one-1.start"][0] <= 1200 <= bounds["outages.one-1.start"][1]
    assert bounds["outages.one-1.end"][0] <= 1800 <= bounds["outages.one-1.end"][1]
    assert (
        bounds["deployments.one.errors.500"][0] <= 0.02 <= bounds["deployments.one.errors.500"][1]
    )
    assert found["deployments"]["two"]["limits"]["rpm"] == pytest.approx(30, rel=0.03)


def test_every_fitted_number_says_what_it_rests_on(made: tuple[Path, dict[str, Any]]) -> None:
    """Each estimate stands in the file on a line of its own with its n; the file reads back as the
    same data."""
    text, found = made[0].read_text(), made[1]
    assert all(f"n = {row['n']:,}" in text for row in found["estimates"].values())
    read = yaml.safe_load(text)
    assert read["workload"]["rate"] == pytest.approx(found["scenario"]["workload"]["rate"])
    assert set(read["deployments"]) == {"one", "two"}


def test_the_file_passes_check_and_runs_with_every_packaged_policy(
    made: tuple[Path, dict[str, Any]],
) -> None:
    """Each of them answers most requests of the first five minutes."""
    assert said("check", str(made[0])).exception is None
    configuration = load("compare", str(made[0]), POLICIES, ["scenario.horizon=25m"])
    for policy in POLICIES:
        success = replicate(configuration, policy, 0).metrics["success_rate"]
        assert success is not None
        assert success > 0.5


def test_the_page_shows_log_and_model_and_fetches_nothing(
    made: tuple[Path, dict[str, Any]], rows: Path
) -> None:
    """Curves for arrivals, tokens and times; no address outside, but for the schema's name in the
    file shown."""
    page = (rows.parent / "mine.html").read_text()
    assert page.count('class="chart"') >= 5
    assert "Time to first token" in page or "time to first token" in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_what_it_can_be_trusted_for_comes_first(
    made: tuple[Path, dict[str, Any]], rows: Path
) -> None:
    """On the page before anything else; each row has a mark, and the sentence names all topics that
    have one."""
    verdict, goodness = made[1]["verdict"], made[1]["goodness"]
    assert verdict.startswith("This scenario can")
    page = (rows.parent / "mine.html").read_text()
    assert page.index(verdict) < page.index("<h2>")
    for mark, grade in (("yes", "good"), ("open", "fair"), ("no", "bad")):
        count = sum(row["grade"] == grade for row in goodness)
        assert page.count(f'<td class="{mark}">{grade}</td>') == count
    for row in goodness:
        assert row["topic"] in verdict or row["item"] in verdict
    assert {row["what"] for row in goodness} >= {"one: failures", "two: failures"}


def test_a_log_without_models_has_a_marked_assumption_or_a_scenarios_deployments(
    tmp_path: Path,
) -> None:
    """Nothing is passed off as fitted."""
    source = np.random.Generator(np.random.Philox(key=1))
    when = np.cumsum(source.exponential(0.5, 400))
    log = tmp_path / "log.csv"
    log.write_text(
        "arrival_s,input_tokens,output_tokens\n"
        + "".join(f"{t:.3f},{100 + k % 7},{10 + k % 5}\n" for k, t in enumerate(when.tolist()))
    )
    aside = ["--report", str(tmp_path / "page.html"), "--quiet"]
    assert said("fit", str(log), "-o", str(tmp_path / "a.yaml"), *aside).exception is None
    assert "ASSUMED: the log names no models" in (tmp_path / "a.yaml").read_text()
    assert (
        said(
            "fit",
            str(log),
            "-o",
            str(tmp_path / "b.yaml"),
            *aside,
            "--deployments",
            str(ROOT / "scenarios/demo.yaml"),
        ).exception
        is None
    )
    made = load("check", str(tmp_path / "b.yaml"), [])
    assert list(made.scenario.deployments) == list(
        load("check", str(ROOT / "scenarios/demo.yaml"), []).scenario.deployments
    )
    assert said("fit", str(log), "-o", str(tmp_path / "a.yaml"), *aside).exception.lines == (
        f"{tmp_path / 'a.yaml'}: is there already; --force overwrites it",
    )


def test_names_of_a_log_cannot_act(tmp_path: Path) -> None:
    """Models and users with line breaks, quotes, tags and YAML in their names come back as text."""
    evil = ['m"1\n- x: &a', "<script>alert(1)</script>", "yes", "500"]
    still = {"input_tokens": 10, "output_tokens": 5, "provider": "p#: {", "latency_s": 1.0}
    rows = [
        {**still, "arrival_ns": int(1e9 * k), "model": evil[k % 4], "user": evil[k % 4]}
        for k in range(400)
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, rows)))
    found = said(
        "fit",
        str(log),
        "-o",
        str(tmp_path / "a.yaml"),
        "--report",
        str(tmp_path / "page.html"),
        "--quiet",
    )
    assert found.exception is None, found.exception
    made = load("check", str(tmp_path / "a.yaml"), [])
    assert len(made.scenario.deployments) == 4
    assert len(made.scenario.workload.users) == 4
    assert "<script>alert" not in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("letter", [pytest.param("m", marks=pytest.mark.slow), "\u00a0", '"'])
def test_names_longer_than_a_key_of_yaml_are_cut(letter: str, tmp_path: Path) -> None:
    """To ones that stay apart, though they only differ after 3,000 characters; shares and calls are
    those of each."""
    long = [f"{letter * 3_000}{end}" for end in "abcd"]
    still = {"input_tokens": 10, "output_tokens": 5, "provider": "p", "latency_s": 1.0}
    rows = [
        {
            **still,
            "arrival_ns": int(1e9 * k),
            **dict.fromkeys(("model", "user", "feature", "task"), long[k % 4]),
        }
        for k in range(240)
    ]
    log, file = tmp_path / "log.jsonl", tmp_path / "a.yaml"
    log.write_text("\n".join(map(json.dumps, rows)))
    found = said("fit", str(log), "-o", str(file), "--quiet")
    assert found.exception is None, found.exception
    made = load("check", str(file), [])
    load_of = made.scenario.workload
    names = [made.scenario.deployments, load_of.users, load_of.features, load_of.tasks]
    assert [(len(each), max(map(len, each)) <= 100) for each in names] == [(4, True)] * 4
    assert {*load_of.users.values(), *load_of.features.values()} == {0.25}
    assert said("check", str(file)).return_value == 0


@pytest.mark.parametrize("command", ["fit", "forecast"])
def test_a_log_that_is_none_is_refused_in_one_line(command: str, tmp_path: Path) -> None:
    """Too few rows, no such file."""
    for rows, words in (
        (["1,2,3"], "too few to fit"),
        (["5,2,3"] * 40, "one moment" if command == "fit" else "too few to fit"),
    ):
        log = tmp_path / "log.csv"
        log.write_text("\n".join(["arrival_s,input_tokens,output_tokens", *rows]))
        found = said(command, str(log)).exception
        assert [line.count("\n") for line in found.lines] == [0]  # type: ignore[union-attr]
        assert words in found.lines[0]  # type: ignore[union-attr]


def test_a_log_of_failures_alone_is_refused_and_a_target_that_never_answered_is_not(
    tmp_path: Path,
) -> None:
    """The first tells no lengths; the second has errors of 100 % and default times."""
    still = {"input_tokens": 10, "output_tokens": 5, "provider": "p", "latency_s": 1.0}
    rows = [
        {**still, "arrival_ns": int(1e9 * k), "model": f"m-{k % 2}", "failed": True, "status": 503}
        for k in range(200)
    ]
    log, aside = tmp_path / "log.jsonl", ["--report", str(tmp_path / "page.html"), "--quiet"]
    log.write_text("\n".join(map(json.dumps, rows)))
    found = said("fit", str(log), "-o", str(tmp_path / "a.yaml"), *aside).exception
    assert "no request was answered" in found.lines[0]  # type: ignore[union-attr]
    for row in rows[::2]:
        row.update(failed=False, status=200)
    log.write_text("\n".join(map(json.dumps, rows)))
    assert said("fit", str(log), "-o", str(tmp_path / "a.yaml"), *aside).exception is None
    assert load("check", str(tmp_path / "a.yaml"), []).scenario.deployments["m-1"].errors == {
        503: 1.0
    }


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_the_table_follows_the_width(width: int) -> None:
    """No line is wider, no row is broken; what is left out is named."""
    rows: list[dict[str, Any]] = [
        {
            "what": f"deployment-{i}: time to first token",
            "grade": "good",
            "n": 12_345,
            "ks": 0.012,
            "p95": (10.25, 11.5),
            "p99": (100.5, 99.25),
            "dispersion": None,
            "share": None,
        }
        for i in range(3)
    ]
    names = [row["what"] for row in rows]
    lines = table_lines("what", names, _columns(rows), width)
    assert all(len(line) <= width for line in lines)
    assert [line for line in lines[1:4] if "good 10.25 / 11.5" not in line] == []
    assert ("Not shown" in lines[-1]) == (width < 80)
