"""`simroute tune` in the simulator: its files, its exit status, its words."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

import simroute as sr
from commands import ran
from simroute.cli import main

WORDS = [
    "tune",
    "scenario=steady",
    "policy=circuit_breaker",
    "scenario.horizon=3m",
    "tune.breaker.failures=2..20",
    "tune.timeout.total=2s..40s log",
]
GOALS = [
    "--objective",
    "min cost_per_1k_requests_usd",
    "--subject-to",
    "success_rate>=0.9",
    "--evaluations",
    "40",
    "--confirm",
    "4",
]
FEW = ["--evaluations", "16", "--confirm", "2"]

FILES = ("report.html", "summary.json", "tune.json", "config.yaml", "tuned.yaml", "trials.parquet")


def left(*words):
    """The exit status of a command."""
    with pytest.raises(SystemExit) as found:
        main(list(words))
    return found.value.code


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder of a search in one process, and what was printed."""
    folder = tmp_path_factory.mktemp("alone") / "t"
    done = ran(*WORDS, *GOALS, "--workers", "1", "--out", str(folder))
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def parallel(alone, tmp_path_factory):
    """The same in two, by its config.yaml, with --json: what was printed, and the folder that it is
    written to by default."""
    folder = tmp_path_factory.mktemp("parallel")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        done = ran("tune", "--config", str(alone[0] / "config.yaml"), "--workers", "2", "--json")
    assert done.returncode == 0, done.stderr
    return done, folder / "reports" / "steady-tune"


def test_the_tuned_policy_runs_as_it_stands_and_gives_the_figures_that_were_reported(alone, capsys):
    """A comparison with the seed of the confirmation repeats them to the bit; the head says where
    the file comes from."""
    folder, printed = alone
    assert "Recommended: " in printed
    found = json.loads((folder / "summary.json").read_text())
    text = (folder / "tuned.yaml").read_text()
    for words in (
        "# simroute tune scenario=steady",
        "Seed 1, confirmed with seed",
        "min cost_per_1k_requests_usd: $",
        "success_rate>=0.9 in steady: met",
    ):
        assert (
            words in text.replace("\n# ", " ").replace(" simroute tune", "# simroute tune", 1)
            or words in text
        )
    again = [
        "compare",
        "scenario=steady",
        f"policy=circuit_breaker,{folder}/tuned.yaml",
        "scenario.horizon=3m",
        "--json",
        "--no-report",
    ]
    assert (
        left(*again, "--seed", str(found["fresh_seed"]), "--replications", "4", "--out", "c") == 0
    )
    compared = json.loads(capsys.readouterr().out)["policies"]
    assert compared["tuned"]["metrics"] == found["recommended"]["fresh"]["steady"]
    assert compared["circuit_breaker"]["metrics"] == found["start"]["fresh"]["steady"]
    assert next(iter(yaml.safe_load(text))) == "about"


def test_neither_the_number_of_workers_nor_config_yaml_changes_a_bit(alone, parallel):
    """One process by its words, two by its configuration: the same files."""
    for name in FILES:
        assert (alone[0] / name).read_bytes() == (parallel[1] / name).read_bytes()
    import duckdb

    one, two = (
        duckdb.sql(f"SELECT * FROM '{folder}/trials.parquet'").fetchall()
        for folder in (alone[0], parallel[1])
    )
    assert one == two
    assert len(one) == sum(
        json.loads((alone[0] / "summary.json").read_text())["evaluations"][stage]
        for stage in ("search", "fresh")
    )


def test_json_is_the_summary_and_nothing_else(parallel):
    """Nothing in it tells of a place or a time."""
    done, folder = parallel
    assert done.stderr == ""
    assert done.stdout == (folder / "summary.json").read_text()
    found = json.loads(done.stdout)
    assert (found["schema_version"], found["command"]) == (1, "tune")
    assert str(folder.parent) not in done.stdout


def test_a_policy_s_own_block_is_searched():
    """Without a range on the command line."""
    Path("own.yaml").write_text(
        "about: Own.\nretry: {attempts: 2}\ntimeout: {total: 30s}\ntune: {retry.attempts: 1..4, "
        "timeout.total: 5s..40s}\n"
    )
    words = [
        "tune",
        "scenario=steady",
        "policy=own.yaml",
        "scenario.horizon=2m",
        *GOALS,
        *FEW,
        "--quiet",
        "--out",
        "t",
    ]
    assert left(*words) == 0
    assert [each["name"] for each in json.loads(Path("t/summary.json").read_text())["space"]] == [
        "retry.attempts",
        "timeout.total",
    ]
    assert "tune" not in yaml.safe_load(Path("t/tuned.yaml").read_text())


BAD = {
    "layer": (["tune.braker.failures=2..20", *GOALS], "did you mean breaker?"),
    "no range": (["tune.breaker.failures", *GOALS], "no range is given"),
    "twice": (
        ["tune.breaker.failures=2..20", "tune.breaker.failures=2..9", *GOALS],
        "is given twice",
    ),
    "objective": (["tune.breaker.failures=2..20"], "--objective is missing"),
    "metric": (
        ["tune.breaker.failures=2..20", "--objective", "min cost"],
        "no metric is called 'cost'",
    ),
    "budget": (["tune.breaker.failures=2..20", *GOALS, "--evaluations", "3"], "too few"),
    "override": (
        ["tune.breaker.failures=2..20", "policy.hedge.after=1", *GOALS],
        "no policy here has a layer 'hedge'",
    ),
    "two policies": (
        ["policy=failover,cached", "tune.fallback.error=first | last", *GOALS],
        "one policy",
    ),
    "nothing": (GOALS, "nothing to tune"),
    "plugin": (["tune.breaker.failures=2..20", *GOALS, "--plugin", "none.py"], "not a Python file"),
    "config and words": (
        ["--config", "c.yaml", "tune.breaker.failures=2..9"],
        "--config reruns a search as it is; remove scenario=steady",
    ),
    "resume what": (
        ["tune.breaker.failures=2..20", *GOALS, "--resume"],
        "no unfinished run of this scenario",
    ),
    "resume nothing": (
        ["tune.breaker.failures=2..20", *GOALS, "--resume", "--out", "none"],
        "there is nothing to resume",
    ),
    "executor": (
        ["tune.breaker.failures=2..20", *GOALS, "--executor", "ray://x"],
        "expected local or dask://HOST:PORT",
    ),
    "any worker": (
        ["tune.breaker.failures=2..20", *GOALS, "--any-worker"],
        "about the workers of a Dask cluster",
    ),
    "against itself": (
        ["tune.breaker.failures=2..20", *GOALS, "--against", "circuit_breaker"],
        "'circuit_breaker' is named twice",
    ),
    "against nobody": (
        ["tune.breaker.failures=2..20", *GOALS, "--against", "failovr"],
        "did you mean failover?",
    ),
    "robust": (
        ["tune.breaker.failures=2..20", *GOALS, "--robust", "best"],
        "'best' is not one of 'mean', 'worst', 'cvar'",
    ),
    "out": (["tune.breaker.failures=2..20", *GOALS, "--out", "/proc/x"], "cannot be written"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_ends_with_one_clear_line_and_writes_nothing(case, capsys, elsewhere):
    """Exit 2, no traceback, no folder."""
    words, text = BAD[case]
    assert left("tune", "scenario=steady", "policy=circuit_breaker", *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("simroute: ")
    assert text in err
    assert list(elsewhere.iterdir()) == []


def test_progress_ctrl_c_and_the_exact_command_that_goes_on(alone):
    """On a terminal: runs done, what runs, the best so far. Exit 130, a recommendation,
    and a command that ends with the same bits."""
    pytest.importorskip("pty", reason="no pseudo-terminals on this system")
    from terminals import simroute

    shown = simroute(
        *(*WORDS, *GOALS, "--workers", "1", "--out", "t"),
        keys={r"[12]\d/48 runs.*best so far \$.*total=": b"\x03"},  # so that two can be compared
    )
    assert shown.status == 130, shown.screen
    for text in (
        r"\d+/48 runs, setting \d+",
        r"best so far \$\d+\.\d+: failures=\d+, total=",
    ):
        assert re.search(text, shown.screen), text
    assert "interrupted, so judge by what was finished" in " ".join(shown.out.split())
    assert [line.removeprefix("^C") for line in shown.left] == [
        "simroute: interrupted; what was finished is kept",
        "simroute: go on with: simroute tune --resume --out t --workers 1",
    ]
    assert json.loads(Path("t/summary.json").read_text())["interrupted"]
    assert left("tune", "--resume", "--out", "t", "--quiet") == 0
    for name in FILES:
        assert Path("t", name).read_bytes() == (alone[0] / name).read_bytes()


@pytest.mark.parametrize(
    "option", ["--no-report", pytest.param("--report", marks=pytest.mark.slow)]
)
def test_a_report_is_written_unless_it_is_not_wanted(option, capsys):
    """--quiet prints nothing."""
    assert left(*WORDS, *GOALS, *FEW, "--quiet", option, "--out", "t") == 0
    assert capsys.readouterr() == ("", "")
    assert {path.name for path in Path("t").iterdir()} == set(FILES) - (
        {"report.html"} if option == "--no-report" else set()
    )


def test_a_report_can_be_made_later(alone):
    """`simroute report` makes the same."""
    shutil.copytree(alone[0], "t")
    page = Path("t/report.html")
    before = page.read_bytes()
    page.unlink()
    assert left("report", "t", "--quiet") == 0
    assert page.read_bytes() == before
    assert len(before) > 1_000_000


def test_a_config_of_another_command_is_named(capsys):
    """With the command that it belongs to."""
    assert (
        left(
            "run",
            "scenario=steady",
            "policy=direct",
            "scenario.horizon=60",
            "--no-rows",
            "--no-report",
            "--quiet",
            "--out",
            "r",
        )
        == 0
    )
    assert left("tune", "--config", "r/config.yaml") == 2
    assert (
        "r/config.yaml: was written by run; use simroute run --config r/config.yaml"
        in capsys.readouterr().err
    )


def test_a_setting_that_fails_is_told_with_its_values(capsys, elsewhere):
    """A layer that cannot bear some value: the replication, and what the setting was; what was
    finished is kept."""
    (elsewhere / "own.py").write_text(FRAGILE, encoding="utf-8")
    (elsewhere / "own.yaml").write_text("fragile: {size: 1}\n", encoding="utf-8")
    words = [
        "tune",
        "scenario=steady",
        "policy=own.yaml",
        "scenario.horizon=60",
        "tune.fragile.size=1..9",
        "--plugin",
        "own.py",
    ]
    assert left(*words, *GOALS, "--out", "t") == 2
    *_, told, kept = capsys.readouterr().err.strip().splitlines()
    assert re.search(
        r"policy setting \d, replication \d, seed 1, at .* ValueError: too large \(setting \d: "
        r"fragile.size=[5-9]\)",
        told,
    )
    assert "go on with: simroute tune --resume --out t --plugin own.py" in kept


FRAGILE = """from dataclasses import dataclass

from simroute.core import layer
from simroute.core.params import Count


@layer("fragile")
@dataclass
class Fragile:
    size: Count = 1

    async def __call__(self, call, send, world):
        if self.size > 4:
            raise ValueError("too large")
        return await send(call)
"""


def test_python_gets_frames_and_pictures(elsewhere):
    """`sr.tune` with a space as a mapping; four pictures by name; a result that shows itself."""
    scenario = sr.load_scenario("steady", "scenario.horizon=2m")
    found = sr.tune(
        [scenario],
        "circuit_breaker",
        {"breaker.failures": "2..20", "breaker.scope": ["provider", "task"]},
        objective="min cost_per_1k_requests_usd",
        subject_to="success_rate>=0.9",
        evaluations=16,
        confirm=2,
        out="t",
    )
    assert set(found.recommended) == {"breaker.failures", "breaker.scope"}
    assert list(found.trials.columns[:8]) == [
        "candidate",
        "generation",
        "stage",
        "scenario",
        "seed",
        "replication",
        "breaker.failures",
        "breaker.scope",
    ]
    assert set(found.figures) == {"main_effects", "pairs", "objective_and_constraint", "race"}
    assert "Recommended" in found._repr_html_()
    assert Path("t/trials.parquet").exists()


@pytest.mark.parametrize("robust", [pytest.param("worst", marks=pytest.mark.slow), "cvar"])
def test_several_scenarios_count_together(robust):
    """Constraints must hold in each; the figures are told for each."""
    words = [
        "tune",
        "scenario=steady,rate_limit_storm",
        "policy=circuit_breaker",
        "scenario.horizon=2m",
        "scenario.workload.rate=1",
    ]
    words += ["tune.breaker.failures=2..20"]
    assert (
        left(*words, *GOALS, "--evaluations", "32", "--robust", robust, "--quiet", "--out", "t")
        == 0
    )
    found = json.loads(Path("t/summary.json").read_text())
    assert found["robust"] == robust
    assert list(found["recommended"]["fresh"]) == ["steady", "rate_limit_storm"]
    assert len(found["recommended"]["constraints"]) == 2
