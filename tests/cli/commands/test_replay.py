"""`simroute replay` from the command line: calibration above everything, nothing pretended, one
line for each mistake."""

import json
from pathlib import Path

import pytest
import yaml

import simroute as sr
from simroute.cli import main
from tests.logs import calls, written

ROOT = Path(__file__).parents[3]
OUTAGE = "{provider: openai, start: 40%, end: 60%, error_share: 1.0}"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit status, stdout, stderr."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return (int(left.value.code or 0), *capsys.readouterr())


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of 300 requests in the working directory, and two that are none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bare.csv").write_text(
        "arrival_ns,input_tokens,output_tokens\n1000000000,10,5\n9000000000,10,5\n"
    )
    return written(tmp_path / "log.csv", calls(300))


def test_calibration_stands_above_every_policy(capsys: pytest.CaptureFixture[str]) -> None:
    """The four figures of the log's own routing come first, then the table, then the
    differences."""
    code, out, _ = said(capsys, "replay", "log.csv", "policy=failover", "--replications", "2")
    assert code == 0
    places = [
        out.index(text)
        for text in (
            "Calibration:",
            "success:",
            "median latency:",
            "p95 latency:",
            "cost:",
            "policy ",
            "failover - recorded",
        )
    ]
    assert places == sorted(places)
    assert out.index("cost:") < out.index("\nfailover")


def test_a_policy_that_changes_models_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """The packaged failover sends all to one model, which the log did not; a policy that begins
    with the log's own target changes nothing."""
    Path("keep.yaml").write_text(
        "recorded: {}\nfallback: {targets: [other_company]}\n", encoding="utf-8"
    )
    _, out, _ = said(
        capsys, "replay", "log.csv", "policy=failover,keep.yaml", "--replications", "2"
    )
    failover, keep = out.partition("\nfailover: ")[2].split("\nkeep: ", 1)
    assert "% of its calls go to claude-sonnet-4-0, in the log" in failover
    assert "of its calls go to" not in keep
    assert (
        json.loads(Path("reports/log-replay/summary.json").read_bytes())["replay"]["sends"][
            "failover"
        ]["claude-sonnet-4-0"]
        > 0.9
    )


def test_a_log_of_one_moment_is_refused_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    """Not as a mistake in --from, which nobody gave."""
    Path("one.csv").write_text(
        "arrival_ns,input_tokens,output_tokens\n1000000000,10,5\n", encoding="utf-8"
    )
    code, _, err = said(capsys, "replay", "one.csv", "policy=failover", "scenario=demo")
    assert code == 2
    assert err.endswith(
        "one.csv: all requests came at one moment, so nothing says how long to play it; give "
        "scenario.horizon=60s, say\n"
    )


def test_no_column_of_quality_where_nobody_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in the table nor in the summary, and a note says so; a scenario that states it for
    all brings it back."""
    _, out, err = said(capsys, "replay", "log.csv", "policy=failover", "--replications", "1")
    assert "quality" not in out
    assert "no quality is reported" in err
    found = json.loads(Path("reports/log-replay/summary.json").read_bytes())
    assert {row["metrics"]["quality_mean"]["mean"] for row in found["policies"].values()} == {None}
    Path("known.yaml").write_text(
        "deployments:\n  a: {provider: openai, model: gpt-4o, price_date: 2025-09-01, quality: "
        "0.9}\n"
        "  b: {provider: anthropic, model: claude-sonnet-4-0, price_date: 2025-09-01, quality: "
        "0.8}\n"
    )
    _, out, _ = said(
        capsys, "replay", "log.csv", "policy=failover", "scenario=known.yaml", "--replications", "1"
    )
    assert "quality" in out
    shifts = json.loads(Path("reports/log-replay-2/summary.json").read_bytes())["replay"]["shifts"]
    assert [(row["quality_from"], row["quality_to"]) for row in shifts] == [(0.8, 0.9)]


def test_what_is_asked_on_the_command_line_is_in_the_configuration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Window, speed, turns and weather, and --config gives the same summary."""
    words = [
        "--from",
        "1m",
        "--to",
        "4m",
        "--rate-scale",
        "2",
        "--loop",
        "2",
        "--outage",
        OUTAGE,
        "--replications",
        "2",
        "--out",
        "run",
    ]
    assert said(capsys, "replay", "log.csv", "policy=failover", *words)[0] == 0
    first = Path("run/summary.json").read_bytes()
    found = json.loads(first)
    # three minutes, twice over, twice as fast
    assert found["horizon_s"] == pytest.approx(180, abs=3)
    assert found["replay"]["laid_over"] == ["2 times as fast", "2 times over", "outage laid-1"]
    assert (
        said(capsys, "replay", "--config", "run/config.yaml", "--out", "again", "--quiet")[0] == 0
    )
    assert Path("again/summary.json").read_bytes() == first


def test_a_run_s_folder_is_a_log_of_its_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    """Its requests are played, and its targets are the scenario's deployments of that name, not
    further ones."""
    few = ("scenario=demo", "policy=direct", "scenario.workload.rate=0.05")
    assert said(capsys, "run", *few, "--out", "yesterday", "--quiet")[0] == 0
    words = ("scenario=demo", "policy=failover", "~scenario.outages", "--replications", "2")
    code, _, err = said(capsys, "replay", "yesterday", *words, "--out", "again")
    assert (code, "price catalogue" in err) == (0, False)
    played = yaml.safe_load(Path("again/config.yaml").read_text(encoding="utf-8"))["scenario"]
    recorded = {name: each.get("recorded") for name, each in played["deployments"].items()}
    assert recorded.pop("claude-sonnet") == "anthropic/claude-sonnet"
    shared = yaml.safe_load((ROOT / "scenarios/lineups/late_2026.yaml").read_text("utf-8"))
    assert recorded == dict.fromkeys(set(shared["deployments"]) - {"claude-sonnet"})


def test_python_says_the_same_as_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """sr.replay with the same window, weather and speed has the summary that the command prints;
    its figures can be drawn."""
    words = [
        "--from",
        "1m",
        "--rate-scale",
        "2",
        "--jitter",
        "--outage",
        OUTAGE,
        "--replications",
        "2",
        "--json",
    ]
    _, out, _ = said(capsys, "replay", "log.csv", "policy=failover", *words)
    found = sr.replay(
        "log.csv",
        ["failover"],
        start="1m",
        rate_scale=2,
        jitter=True,
        outages=OUTAGE,
        replications=2,
    )
    assert found.summary == json.loads(out)
    assert found.replay is not None
    assert found.replay["laid_over"] == [
        "2 times as fast",
        "its sessions drawn anew",
        "outage laid-1",
    ]
    short = sr.replay("log.csv", ["failover"], outages="openai@1m..2m", replications=2)
    assert short.replay is not None
    assert short.replay["laid_over"] == ["outage openai"]
    assert {"spend_by_model", "spend_by_user"} <= set(found.figures)


def test_python_takes_layers_in_place_of_a_name() -> None:
    """One policy alone, or several; those without a name have their number among the policies."""
    layers = yaml.safe_load((ROOT / "policies/failover.yaml").read_text("utf-8"))
    named = sr.replay("log.csv", "failover", replications=2).summary["policies"]
    plain = sr.replay("log.csv", layers, replications=2).summary["policies"]
    assert (list(named), list(plain)) == (["recorded", "failover"], ["recorded", "policy"])
    assert plain["policy"]["metrics"] == named["failover"]["metrics"]
    several = sr.replay("log.csv", [layers, "direct", {"retry": {}}], replications=2)
    assert list(several.summary["policies"]) == ["recorded", "policy_1", "direct", "policy_3"]


def test_the_summary_alone_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """As many replications as are quick, since none are asked for."""
    _, out, err = said(capsys, "replay", "log.csv", "policy=failover", "--json")
    found = json.loads(out)
    assert (found["command"], found["replications"], list(found["policies"]), err) == (
        "replay",
        20,
        ["recorded", "failover"],
        "",
    )


WRONG = {
    "no file": (("policy=failover",), ["which trace?"]),
    "no policy": (("log.csv",), ["policy= is missing"]),
    "missing file": (("none.csv", "policy=failover"), ["none.csv", "cannot be read"]),
    "unknown policy": (("log.csv", "policy=failovr"), ["did you mean failover?"]),
    "unknown format": (
        ("log.csv", "policy=failover", "--format", "nope"),
        ["--format nope", "known: aiperf, azure"],
    ),
    "no trace": (("odd.csv", "policy=failover"), ["odd.csv", "unknown columns", "--mapping"]),
    "no models": (
        ("bare.csv", "policy=failover"),
        ["bare.csv", "no models and latencies", "scenario=demo"],
    ),
    "unknown provider": (
        ("log.csv", "policy=failover", "--outage", OUTAGE.replace("openai", "azure")),
        ["azure", "known: anthropic, openai"],
    ),
    "weather of none": (
        ("log.csv", "policy=failover", "--outage", "steady"),
        ["--outage steady", "has no outages"],
    ),
    "weather of nobody": (
        ("log.csv", "policy=failover", "--outage", "opnai@1m..2m"),
        ["--outage opnai@1m..2m", "did you mean openai?"],
    ),
    "broken weather": (
        ("log.csv", "policy=failover", "--outage", "{provider: openai"),
        ["--outage", "not readable"],
    ),
    "after the end": (
        ("log.csv", "policy=failover", "--from", "2h"),
        ["--from", "begins at 7200 s", "the trace ends at"],
    ),
    "ends before": (
        ("log.csv", "policy=failover", "--from", "2m", "--to", "1m"),
        ["begins at 120 s", "--to", "60 s"],
    ),
    "no duration": (("log.csv", "policy=failover", "--from", "soon"), ["expected a duration"]),
    "no speed": (
        ("log.csv", "policy=failover", "--rate-scale", "0"),
        ["rate_scale", "more than 0"],
    ),
    "jitter in parts": (
        ("log.csv", "policy=failover", "--windows", "2", "--jitter"),
        ["windows", "--jitter"],
    ),
    "words beside --config": (
        ("log.csv", "policy=failover", "--config", "run.yaml"),
        ["--config", "remove log.csv"],
    ),
    "speed beside --config": (
        ("--config", "run.yaml", "--rate-scale", "2"),
        ["--config", "remove --rate-scale"],
    ),
    "speed beside --resume": (
        ("--resume", "--out", "run", "--loop", "2"),
        ["--resume", "remove --loop"],
    ),
}


@pytest.mark.parametrize(("words", "told"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line(
    words: tuple[str, ...], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2, which file or option, what would be right; nothing is written."""
    code, out, err = said(capsys, "replay", *words)
    assert (code, out) == (2, "")
    (line,) = err.strip().splitlines()
    assert line.startswith("simroute: ")
    assert [text for text in told if text not in line] == []
    assert not Path("reports").exists()


MANY = {
    "a policy and overrides": (
        (
            "log.csv",
            "policy=nosuch,failover",
            "bad.override=1",
            "scenario.horzon=1h",
            "policy.retri.most=2",
        ),
        [
            "policy 'nosuch'",
            "override 'bad.override=1'",
            "override 'scenario.horzon=1h': unknown key 'horzon'; did you mean horizon?",
        ],
    ),
    "a scenario, weather and an override": (
        ("log.csv", "policy=direct", "scenario=demoo", "--outage", "steady", "policy.retri.most=2"),
        [
            "scenario 'demoo'",
            "--outage steady: that scenario has no outages",
            "override 'policy.retri.most=2': no policy here has a layer 'retri'",
        ],
    ),
    "the trace and a policy's layer": (
        ("none.csv", "policy=p.yaml", "bad.override=1"),
        ["none.csv: cannot be read", "override 'bad.override=1'", "p.yaml:2: retri"],
    ),
    "a scenario's shapes": (
        ("log.csv", "policy=p.yaml", "scenario=s.yaml", "bad.override=1"),
        [
            "s.yaml:2: workload: expected keys and values, found 5",
            "override 'bad.override=1'",
            "p.yaml:2: retri",
        ],
    ),
    "all that is missing": (("bad.override=1",), ["which trace?", "policy= is missing"]),
}


@pytest.mark.parametrize(("words", "told"), MANY.values(), ids=MANY)
def test_mistakes_of_all_kinds_are_told_at_once(
    words: tuple[str, ...], told: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where a file cannot be read; of what only that file could tell nothing is said."""
    Path("p.yaml").write_text("about: p.\nretri: {}\n", encoding="utf-8")
    Path("s.yaml").write_text("about: s?\nworkload: 5\n", encoding="utf-8")
    code, _, err = said(capsys, "replay", *words)
    lines = err.strip().splitlines()
    assert (code, len(lines)) == (2, len(told)), err
    assert [(text, line) for text, line in zip(told, lines, strict=True) if text not in line] == []


def test_what_has_no_end_is_refused_before_it_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    """A device would be hashed for ever."""
    code, _, err = said(capsys, "replay", "/dev/zero", "policy=failover")
    assert (code, err) == (2, "simroute: /dev/zero: is no regular file (a device or a socket)\n")
