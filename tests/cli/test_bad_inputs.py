"""Bad input: one clear line each, exit 2, no traceback, nothing executed, nothing half-written."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import commands
from simroute.cli import main
from simroute.config.yaml_reader import parse
from simroute.errors import InputError
from simroute.storage.replication_journal import JOURNAL

GOOD = (
    "about: ok?\nhorizon: 60s\ndeployments:\n  a: {provider: x, model: m, price: {input: 1, "
    "output: 2}}\n"
)


def refused(capsys, *words):
    """The error lines of a command that must be refused."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    out, err = capsys.readouterr()
    assert left.value.code == 2, err
    assert "Traceback" not in err
    assert out == ""
    lines = err.strip().splitlines()
    assert all(line.startswith("simroute: ") for line in lines)
    return lines


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory; nothing may be left in it by what is refused."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


SCENARIOS = {
    "S01 tab": ("deployments:\n\ta: 1\n", ["s.yaml:2:1", "tabs"]),
    "S06 typo": (
        GOOD.replace("price:", "errorss: {500: 0.1}, price:"),
        ["s.yaml:4", "deployments.a.errorss", "did you mean errors?"],
    ),
    "S07 two documents": (GOOD + "---\nb: 2\n", ["second document"]),
    "S14 boolean": (
        GOOD + "gateway: {replicas: true}\n",
        ["gateway.replicas", "expected a number, found true"],
    ),
    "S17 twice": (GOOD + "  a: {provider: y, model: m}\n", ["'a' stands twice"]),
    "S19 aliases": ("a0: &a0 [lol, lol]\na1: &a1 [*a0, *a0]\n" + GOOD, ["aliases are not read"]),
    "S21 tag": (
        GOOD + "x: !!python/object/apply:os.system ['touch pwned.marker']\n",
        ["is not read; a file holds data only"],
    ),
    "S22 interpolation": (GOOD + "x: 'run ${oc.env:PLANTED}'\n", ["interpolation is not done"]),
    "S25 include": (GOOD + "include: ../../../../etc/passwd\n", ["'include' is not read"]),
    "package header": ("# @package _global_\n" + GOOD, ["package header"]),
    "N04 infinity": (GOOD + "slo: {latency: .inf}\n", ["slo.latency", "finite"]),
    "N05 share": (GOOD + "slo: {success: 1.5}\n", ["slo.success", "use 0.015"]),
    "N06 weights": (GOOD + "workload: {users: {a: 0, b: 0}}\n", ["workload.users", "all zero"]),
    "N06 negative": (
        GOOD + "workload: {users: {a: -1, b: 2}}\n",
        ["workload.users.a", "at least 0"],
    ),
    "N07 percent": (GOOD + "slo: {success: 99.9}\n", ["looks like a percentage", "0.999"]),
    "N09 slots": (
        GOOD.replace("price:", "limits: {concurrency: 1.5}, price:"),
        ["deployments.a.limits.concurrency", "whole number"],
    ),
    "N14 horizon": (GOOD.replace("60s", "0"), ["horizon", "more than 0"]),
    "H08 expression": (
        GOOD + "slo: {latency: \"__import__('os').system('id')\"}\n",
        ["slo.latency", "duration"],
    ),
    "outage outside": (
        GOOD + "outages: {o: {provider: x, start: 2h, end: 3h}}\n",
        ["outages.o.start", "after the horizon", "30%"],
    ),
    "spike outside": (
        GOOD + "workload: {spikes: {o: {start: 2h, end: 3h}}}\n",
        ["workload.spikes.o", "after the horizon", "30%"],
    ),
    "spike backwards": (
        GOOD + "workload: {spikes: {o: {start: 50%, end: 30%}}}\n",
        ["workload.spikes.o", "not after its start"],
    ),
    "patience of two laws": (
        GOOD + "workload: {patience: {mean: 2s, median: 2s}}\n",
        ["workload.patience", "one of median (lognormal) and mean (exponential)"],
    ),
    "patience without a length": (
        GOOD + "workload: {tasks: {chat: {patience: {sigma: 1}}}}\n",
        ["workload.tasks.chat.patience", "give one of median"],
    ),
    "residency nowhere": (
        GOOD + "workload: {users: {ann: 1}, only: {ann: [xx], bob: [x]}}\n",
        ["no provider, domain or deployment is called 'xx'; did you mean x?", "called 'bob'"],
    ),
    "outage nowhere": (
        GOOD + "outages: {o: {provider: xx, start: 1s, end: 3s}}\n",
        ["outages.o.provider", "did you mean x?"],
    ),
    "price unknown": (
        GOOD.replace(
            "provider: x, model: m, price: {input: 1, output: 2}",
            "provider: openai, model: gpt-4oo",
        ),
        ["nearest", "gpt-4o"],
    ),
}


@pytest.mark.parametrize("case", SCENARIOS)
def test_a_scenario_with_a_mistake_is_refused_with_file_key_and_remedy(
    case, capsys, elsewhere, monkeypatch
):
    """Areas scenario, numbers and config-exec of bad_inputs.json, in our keys."""
    monkeypatch.setenv("PLANTED", "sk-planted")
    text, words = SCENARIOS[case]
    Path("s.yaml").write_text(text, encoding="utf-8")
    lines = refused(capsys, "run", "scenario=s.yaml", "policy=direct")
    for word in words:
        assert any(word in line for line in lines), lines
    assert "sk-planted" not in "".join(lines)
    assert {path.name for path in elsewhere.iterdir()} == {"s.yaml"}


def test_bytes_that_are_no_utf_8_are_refused_with_their_place(capsys):
    """S09: Latin-1."""
    Path("s.yaml").write_bytes(GOOD.encode() + b"x: caf\xe9\n")
    assert (
        "not valid UTF-8 at byte" in refused(capsys, "run", "scenario=s.yaml", "policy=direct")[0]
    )


def test_a_bom_and_crlf_change_nothing():
    """S08: the same data."""
    assert (
        parse(("\ufeff" + GOOD).replace("\n", "\r\n").encode(), "s").data
        == parse(GOOD.encode(), "s").data
    )


def test_names_stay_text_and_numbers_stay_numbers():
    """S10: no, on and y are names; 012 and 12:30 are text."""
    data = parse(b"a: no\nb: on\nc: y\nd: 012\ne: 12:30\nf: 1.5\ng: 7\nh: true\n", "s").data
    assert data == {
        "a": "no",
        "b": "on",
        "c": "y",
        "d": "012",
        "e": "12:30",
        "f": 1.5,
        "g": 7,
        "h": True,
    }


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_no_bytes_raise_anything_but_an_input_error(raw):
    """The reader is total."""
    try:
        data = parse(raw, "x").data
    except InputError:
        return
    assert isinstance(data, dict)


WORDS = {
    "unknown scenario": (["scenario=dmo", "policy=direct"], "did you mean demo?"),
    "unknown policy": (["scenario=demo", "policy=failovr"], "did you mean failover?"),
    "unknown key": (
        ["scenario=demo", "policy=direct", "scenario.workload.rat=5"],
        "did you mean rate?",
    ),
    "unknown outage": (
        ["scenario=demo", "policy=direct", "scenario.outages.mornin.status=500"],
        "did you mean morning?",
    ),
    "layer that no policy has": (
        ["scenario=demo", "policy=direct", "policy.breaker.cooldown=60s"],
        "no policy here has a layer 'breaker'",
    ),
    "value of a wrong kind": (
        ["scenario=demo", "policy=direct", "scenario.workload.rate=fast"],
        "expected a number",
    ),
    "sweep": (
        ["scenario=demo", "policy=direct", "scenario.workload.rate=1,2"],
        "run once for each",
    ),
    "injection": (
        ["scenario=demo", "policy=direct", "scenario.workload.rate=$(id)"],
        "not understood",
    ),
    "environment": (
        ["scenario=demo", "policy=direct", "scenario.about=${oc.env:HOME}"],
        "interpolation",
    ),
    "no policy": (["scenario=demo"], "policy= is missing"),
    "assertion": (
        ["scenario=demo", "policy=direct", "--assert", "sucess_rate>=1"],
        "did you mean success_rate?",
    ),
    "trace": (
        ["scenario=demo", "policy=direct", "scenario.workload.trace=none.csv"],
        "cannot be read",
    ),
    "out": (["scenario=demo", "policy=direct", "--out", "/proc/x"], "cannot be written"),
    "plugin": (["scenario=demo", "policy=direct", "--plugin", "none.py"], "not a Python file"),
    "config": (["--config", "none.yaml"], "cannot be read"),
}


@pytest.mark.parametrize("case", WORDS)
def test_a_command_with_a_mistake_is_refused_in_one_line(case, capsys, elsewhere):
    """Names with the nearest known one; nothing runs, nothing is written."""
    words, said = WORDS[case]
    lines = refused(capsys, "compare", *words)
    assert any(said in line for line in lines), lines
    assert list(elsewhere.iterdir()) == []


TOKENS = "arrival_s,input_tokens,output_tokens\n"
DATES = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
TRACES = {
    "T11 zones": (
        DATES + "2024-01-01T00:00:00Z,1,1\n2024-01-01 00:00:00,1,1\n",
        ["trace.csv: row 3", "say which with --tz"],
    ),
    "T11 dates and numbers": (
        DATES + "2024-01-01T00:00:00Z,1,1\n1704067200,1,1\n",
        ["trace.csv: row 3", "dates and numbers are mixed"],
    ),
    "T13 units": (
        DATES + "1700000000,1,1\n1700000000000,1,1\n",
        ["trace.csv: row 3", "times in ms and s are mixed", "--time-unit"],
    ),
    "T14 skew": (
        "startTime,endTime,spend,model,prompt_tokens,completion_tokens,request_id,call_type\n"
        "2024-01-01T00:00:05Z,2024-01-01T00:00:00Z,0,m,1,1,a,x\n"
        "2024-01-01T00:00:05Z,2024-01-01T00:00:06Z,0,m,1,1,b,x\n",
        ["trace.csv: row 2", "1 of 2 rows end before they begin (at most 1 % may)"],
    ),
    "T17 NUL": (TOKENS + "0,1,1\n1,2\0,3\n", ["trace.csv: row 3", "holds a NUL byte"]),
    "T17 a field of a megabyte": (
        TOKENS + "0,1," + "9" * 1_000_000 + "\n",
        ["trace.csv: row 2", "field larger than field limit"],
    ),
    "T18 nothing": ("", ["no rows; a trace needs at least one request"]),
    "T18 header alone": (TOKENS, ["no rows; a trace needs at least one request"]),
    "T18 header of nothing known": (
        "ts,model\n",
        ["unknown columns 'model, ts'", "simroute list formats", "--mapping FILE"],
    ),
    "T19 twice": (
        "arrival_s,arrival_s,input_tokens,output_tokens\n0,0,1,1\n",
        ["row 1: column 'arrival_s' stands twice"],
    ),
    "T20 negative": (TOKENS + "0,1,1\n1,-5,1\n", ["trace.csv: row 3", "must not be negative"]),
    "half a JSON document": (
        '[{"arrival_ns": 1, "input_tokens": 1, "output_tokens": 2}, {"arr',
        ["not readable JSON", "one object a line"],
    ),
    "no Parquet": ("PAR1 and then something else PAR1", ["not a readable Parquet file"]),
    "a zip archive": ("PK\x03\x04 and so on", ["is a zip archive; unpack it"]),
}


@pytest.mark.parametrize("case", TRACES)
def test_what_is_no_trace_is_refused_in_one_line(case, capsys, elsewhere):
    """With the file, the row, and what would be right; nothing is written."""
    content, said = TRACES[case]
    Path("trace.csv").write_text(content, encoding="utf-8")
    for words in (["inspect", "trace.csv"], ["convert", "trace.csv", "out.parquet"]):
        (line,) = refused(capsys, "trace", *words)
        assert all(part in line for part in said), line
    assert [path.name for path in elsewhere.iterdir()] == ["trace.csv"]


def test_what_tells_how_to_read_a_trace_is_checked(capsys):
    """Names of formats and zones, patterns, folders, and options that exclude each other."""
    Path("trace.csv").write_text(TOKENS + "0,1,1\n", encoding="utf-8")
    Path("map.yaml").write_text("time: arrival_s\n", encoding="utf-8")
    Path("empty").mkdir()
    for words, said in (
        (["trace.csv", "--format", "azur"], "did you mean azure?"),
        (["trace.csv", "--tz", "Mars/Olympus"], "no time zone is called so"),
        (["none*.csv"], "no file is called so"),
        (["none.csv"], "cannot be read (No such file or directory)"),
        (["empty"], "empty: is a folder without a file that holds anything"),
        (["trace.csv", "--mapping", "map.yaml", "--format", "azure"], "exclude each other"),
        (["trace.csv", "--mapping", "none.yaml"], "none.yaml: cannot be read"),
    ):
        (line,) = refused(capsys, "trace", "inspect", *words)
        assert said in line


def test_lines_that_are_no_requests_are_counted_and_strict_reading_stops_at_the_first(capsys):
    """T20's absurd count, a short row and a date that is none cost three lines; with --strict the
    first of them ends it."""
    Path("trace.csv").write_text(
        TOKENS + "0,1,1\n1,2,1000000000000\n2,3\nsoon,4,4\n3,5,5\n", encoding="utf-8"
    )
    with pytest.raises(SystemExit) as left:
        main(["trace", "inspect", "trace.csv", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (left.value.code, found["requests"], found["input_tokens"]) == (0, 2, 6)
    assert found["skipped"] == {
        "broken line": 1,
        "more than 10,000,000 tokens": 1,
        "no readable time": 1,
    }
    (line,) = refused(capsys, "trace", "inspect", "trace.csv", "--strict")
    assert "trace.csv: row 3: more than 10,000,000 tokens" in line


def test_a_log_written_by_skewed_clocks_loses_those_rows(capsys):
    """T14: one row in 300 ends before it begins; no duration is turned around."""
    rows = ["1700000000,1,1,2"] * 299 + ["1700000010,1,1,-3"]
    Path("trace.csv").write_text(
        "arrival_ns,input_tokens,output_tokens,latency_s\n" + "\n".join(rows), encoding="utf-8"
    )
    with pytest.raises(SystemExit):
        main(["trace", "inspect", "trace.csv", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["requests"], found["skipped"], found["latency_mean_s"]) == (
        299,
        {"ends before it begins": 1},
        2.0,
    )


def test_all_mistakes_of_all_files_come_at_once(capsys):
    """Two in the scenario, one in the policy."""
    Path("s.yaml").write_text(GOOD + "slo: {success: 2}\nbudgett: 3\n", encoding="utf-8")
    Path("p.yaml").write_text("retry: {attempts: 0}\n", encoding="utf-8")
    text = "\n".join(refused(capsys, "run", "scenario=s.yaml", "policy=p.yaml"))
    assert "slo.success" in text
    assert "budgett" in text
    assert "retry.attempts" in text


def test_h05_a_pickle_in_place_of_a_configuration_is_not_read(capsys):
    """Refused as no UTF-8 or no mapping, never unpickled."""
    import pickle

    Path("config.yaml").write_bytes(pickle.dumps({"a": 1}))
    assert refused(capsys, "compare", "--config", "config.yaml")


def test_an_unknown_command_names_the_nearest(capsys):
    """One line."""
    assert "did you mean compare?" in refused(capsys, "compaer")[0]


def ran(*words, **kwargs):
    return subprocess.Popen(
        [sys.executable, "-m", "simroute", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kwargs,
    )


def test_ctrl_c_keeps_what_is_finished():
    """A long comparison interrupted: exit 130, a summary over the finished replications."""
    words = [
        "compare",
        "scenario=demo",
        "policy=direct",
        "scenario.workload.rate=0.2",
        "--replications",
        "10000",
        "--workers",
        "1",
        "--out",
        "out",
    ]
    run = ran(*words, start_new_session=True)
    until = time.monotonic() + 300
    while (
        not Path("out", f"{JOURNAL}.wal").exists()
        or Path("out", f"{JOURNAL}.wal").stat().st_size < 20_000
    ):
        assert time.monotonic() < until
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=300)
    assert run.returncode == 130, err
    assert "are kept" in err
    assert "Traceback" not in err
    assert Path("out/summary.json").is_file()


KILLER = """
import os, signal
from dataclasses import dataclass
from simroute import layer

@layer("{name}")
@dataclass
class Plugged:
    deadly: bool = False

    async def __call__(self, call, send, world):
        if self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        return await send(call)
"""


def plugged(name, settings):
    """A comparison in two workers with a layer from a plug-in file."""
    Path("plug.py").write_text(KILLER.format(name=name), encoding="utf-8")
    Path("mine.yaml").write_text(f"{name}: {settings}\n", encoding="utf-8")
    words = [
        "policy=mine.yaml,direct",
        "scenario.workload.rate=0.1",
        "--plugin",
        "plug.py",
        "--replications",
        "2",
        "--workers",
        "2",
        "--seed",
        "7",
    ]
    return commands.ran("compare", "scenario=demo", *words)


@pytest.mark.slow
def test_d04_a_killed_worker_ends_the_run_with_its_replication_and_seed():
    """SIGKILL to a worker: exit 2, one line that names policy, replication and seed, no hang."""
    done = plugged("deadly", "{deadly: true}")
    assert done.returncode == 2, done.stderr
    assert "seed 7" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_layer_of_one_s_own_runs_in_worker_processes():
    """A plug-in reaches the workers as well."""
    done = plugged("harmless", "{}")
    assert done.returncode == 0, done.stderr
    assert "mine" in done.stdout


def test_help_is_light():
    """`--help` imports no heavy package."""
    code = (
        "import sys\nfrom simroute.cli import main\ntry: main(['--help'])\nexcept SystemExit: "
        "pass\n"
    )
    code += (
        "heavy = {'numpy','pandas','scipy','plotly','hydra','asyncio','simpy','pydantic','duckdb'} "
        "& set(sys.modules)\nassert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "compare" in done.stdout


@pytest.mark.parametrize("text", ["'2'", "010", "1_000", '"1,000"', "１２"])
def test_a_count_is_written_as_a_plain_number(text, capsys):
    """Quotes, leading zeros, separators and digits of other scripts are refused alike for counts
    and for rates, with what to write."""
    Path("s.yaml").write_text(
        f"{GOOD}gateway: {{replicas: {text}}}\nworkload: {{rate: {text}}}\n", encoding="utf-8"
    )
    lines = refused(capsys, "run", "scenario=s.yaml", "policy=direct")
    plain = {"'2'": "2", "010": "10", "1_000": "1000", '"1,000"': "1000", "１２": "12"}[text]
    assert len(lines) == 2
    assert all(line.endswith(f"; write {plain}, without quotes") for line in lines)


def test_an_override_is_told_by_its_own_words(capsys):
    """Not by a line of the packaged file that it changes, also where another key is the one that no
    longer fits."""
    words = [
        "scenario.outages.morning.start=90%",
        "scenario.workload.rate=fast",
        "scenario.gateway.replicas=1_000",
    ]
    assert refused(capsys, "run", "scenario=demo", "policy=direct", words[2]) == [
        f"simroute: override {words[2]!r}: 1_000 is no number here; write 1000, or quotes around "
        f"a name"
    ]
    lines = refused(capsys, "run", "scenario=demo", "policy=direct", *words[:2])
    assert [line.split(": ")[1] for line in lines] == [
        f"override {words[1]!r}",
        f"override {words[0]!r}",
    ]


def test_overrides_are_judged_beside_files_that_cannot_be_read(capsys):
    """At the first try, as far as that can be told: which names the missing scenario has is not
    known, nor which layers the missing policy."""
    words = [
        "bad.override=1",
        "scenario.workload.rat=5",
        "scenario.outages.mornin.status=500",
        "policy.breakr.cooldown=60s",
    ]
    lines = refused(capsys, "compare", "scenario=dmo", "policy=failovr", *words)
    assert [line.split(": ", 2)[1] for line in lines[2:]] == [
        f"override {word!r}" for word in words[:2]
    ]
    lines = refused(capsys, "compare", "scenario=demo", "policy=failover,failover", *words)
    assert [line.split(": ", 2)[1] for line in lines[1:]] == [
        f"override {word!r}" for word in words
    ]


def test_a_seed_has_64_bits(capsys):
    """More is refused in one line, on the command line and in a run's configuration."""
    assert (
        "18446744073709551615"
        in refused(capsys, "run", "scenario=demo", "policy=direct", "--seed", str(2**64))[0]
    )


@pytest.mark.parametrize(
    "word", ["policy=" + "a" * 5000, "scenario.x=" + "a b " * 2000, "scenario." + "k" * 4000 + "=1"]
)
def test_what_was_typed_is_not_repeated_at_length(word, capsys):
    """At most 200 characters of it."""
    words = ["scenario=demo", *([] if word.startswith("policy") else ["policy=direct"]), word]
    line = refused(capsys, "run", *words)[0]
    assert len(line) < 600
    assert word[: 200 - len("policy=")].partition("=")[2] in line
    assert word[210:420] not in line


def test_a_pipe_that_nobody_reads_ends_quietly():
    """141, as a shell tells of SIGPIPE, whichever layer meets it first; nothing on stderr."""
    for words in (["list", "layers"], ["describe", "scenario"], ["--help"]):
        process = ran(*words)
        process.stdout.close()
        error = process.stderr.read()
        process.stderr.close()
        assert (process.wait(60), error) in ((0, ""), (141, ""))


def test_an_output_folder_that_is_no_run_stays_as_it_is(capsys):
    """A folder with somebody's files is refused, also where one of them is called config.yaml; an
    empty one is taken."""
    Path("mine").mkdir()
    Path("mine/config.yaml").write_text("database: x\n", encoding="utf-8")
    Path("mine/thesis.txt").write_text("years of work", encoding="utf-8")
    line = refused(capsys, "run", "scenario=demo", "policy=direct", "--out", "mine")[0]
    assert "mine: holds config.yaml, thesis.txt, and no run of simroute" in line
    assert sorted(path.name for path in Path("mine").iterdir()) == ["config.yaml", "thesis.txt"]
    assert Path("mine/config.yaml").read_text(encoding="utf-8") == "database: x\n"


def test_a_finished_run_is_replaced_beside_the_files_of_others(capsys):
    """Only what a run writes is written anew."""
    words = [
        "run",
        "scenario=demo",
        "policy=direct",
        "scenario.horizon=2m",
        "scenario.outages.morning.start=10%",
        "--no-report",
        "--quiet",
    ]
    for seed in ("1", "2"):
        with pytest.raises(SystemExit) as left:
            main([*words, "--seed", seed, "--out", "own"])
        assert left.value.code == 0
        Path("own/notes.md").write_text("mine", encoding="utf-8")
    assert Path("own/notes.md").read_text(encoding="utf-8") == "mine"
    assert json.loads(Path("own/summary.json").read_text(encoding="utf-8"))["seed"] == 2


def test_choices_of_a_command_are_told_in_one_line(capsys):
    """As `simroute completion` without a shell."""
    assert refused(capsys, "completion") == [
        "simroute: Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish"
    ]


BEYOND = {
    "latency": ("scenario.deployments.gpt-terra.latency.base=1e300", "at most 1,000,000,000 s"),
    "factor": ("scenario.outages.morning.slow_down=1e308", "at most 1,000,000"),
    "replicas": ("scenario.gateway.replicas=1000000", "each keeps a copy of every layer in memory"),
    "success as an error": ("scenario.outages.morning.status=200", "expected 400 to 599"),
    "spells": (
        "scenario.deployments.gpt-terra.clustered={share: 0.5, spell: 1e-9}",
        "at most 100,000 are kept",
    ),
}


@pytest.mark.parametrize("case", BEYOND)
def test_what_no_machine_could_hold_is_refused_with_its_bound(case, capsys):
    """One line that names the override."""
    text, words = BEYOND[case]
    lines = refused(capsys, "run", "scenario=demo", "policy=direct", text)
    assert len(lines) == 1
    assert text in lines[0]
    assert words in lines[0]


def test_a_status_of_success_is_no_error(capsys):
    """errors: {200: 0.5} would count as success."""
    Path("s.yaml").write_text(
        GOOD.replace("price:", "errors: {200: 0.5}, price:"), encoding="utf-8"
    )
    assert (
        "deployments.a.errors.200: 200 is out of range; expected 400 to 599"
        in refused(capsys, "run", "scenario=s.yaml", "policy=direct")[0]
    )


def test_quality_by_task_names_a_task(capsys):
    """quality: {} is neither a share nor unknown."""
    Path("s.yaml").write_text(GOOD.replace("price:", "quality: {}, price:"), encoding="utf-8")
    assert (
        "deployments.a.quality: names no task"
        in refused(capsys, "run", "scenario=s.yaml", "policy=direct")[0]
    )


@pytest.mark.parametrize("rate", ["0", "1e-320", "0.001"])
def test_hours_without_a_request_are_legal(rate, capsys):
    """Some replications have none: their figures are null, and the comparison goes on; no warning
    on the way."""
    Path("s.yaml").write_text(
        f"{GOOD}workload: {{rate: {rate}}}\n".replace("60s", "10m"), encoding="utf-8"
    )
    with pytest.raises(SystemExit) as left:
        main(
            [
                "compare",
                "scenario=s.yaml",
                "policy=direct,failover",
                "--replications",
                "3",
                "--out",
                "o",
                "--json",
            ]
        )
    out, err = capsys.readouterr()
    assert left.value.code == 0
    assert err == ""
    metrics = json.loads(out)["policies"]["direct"]["metrics"]
    assert (metrics["success_rate"]["mean"] is None) == (rate != "0.001")
