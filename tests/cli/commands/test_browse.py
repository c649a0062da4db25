"""`list` and `describe`: for eyes on a terminal, for scripts elsewhere, safe in both."""

import os
import pty
import re
import struct
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

from commands import ran
from simroute.cli import main
from simroute.cli.terminal import duration, escaped
from simroute.config import reference
from simroute.core import registry
from simroute.metrics import METRICS
from simroute.models.price_notes import describe_price
from simroute.models.prices import catalogue_price

ROOT = Path(__file__).parents[3]
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys, *words, status=0):
    """What a command prints where no terminal is; its errors, if it must fail."""
    with pytest.raises(SystemExit) as left:
        main(list(words))
    out, err = capsys.readouterr()
    assert left.value.code == status, err
    assert "Traceback" not in err
    return out if status == 0 else err


def watched(*words, width=80, **environment):
    """What a command shows on a terminal of that width."""
    child, terminal = pty.fork()
    if child == 0:
        wanted = {
            "TERM": "xterm-256color",
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        os.execve(sys.executable, [sys.executable, "-m", "simroute", *words], wanted)
    ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    shown = b""
    try:
        while piece := os.read(terminal, 1 << 16):
            shown += piece
    except OSError:
        pass
    assert os.waitpid(child, 0)[1] == 0, shown
    return shown.decode()


@pytest.mark.parametrize("kind", ["scenarios", "policies", "layers", "metrics"])
def test_list_prints_one_full_name_a_line_where_no_terminal_is(kind, capsys):
    """Names and nothing else."""
    wanted = {"layers": sorted(registry), "metrics": [*METRICS, "utilisation"]}.get(kind) or sorted(
        p.relative_to(ROOT / kind).with_suffix("").as_posix()
        for p in (ROOT / kind).rglob("*.yaml")
        if p.parent.name != "lineups"
    )
    assert said(capsys, "list", kind).splitlines() == wanted


def test_list_of_everything_names_each_thing_as_describe_takes_it(capsys):
    """KIND=NAME lines; each of them can be described."""
    names = said(capsys, "list").splitlines()
    assert {name.partition("=")[0] for name in names} == {
        "scenario",
        "policy",
        "layer",
        "format",
        "metric",
        "lineup",
        "preset",
    }
    assert all(said(capsys, "describe", name).startswith(name.partition("=")[2]) for name in names)


def test_on_a_terminal_list_says_what_each_is_for():
    """All kinds in sections, with the questions of scenarios, within the terminal's width."""
    shown = COLOUR.sub("", watched("list", width=72))
    assert [line for line in shown.splitlines() if len(line.rstrip()) > 72] == []
    assert [
        line
        for line in shown.split()
        if line in ("scenarios", "policies", "layers", "formats", "metrics")
    ][:2] == ["scenarios", "policies"]
    assert "What does each policy cost and add on an ordinary day" in " ".join(shown.split())


def test_no_color_is_honoured():
    """With NO_COLOR no escape sequence is sent, without it some are."""
    assert "\x1b" in watched("describe", "breaker")
    assert "\x1b" not in watched("describe", "breaker", NO_COLOR="1")


@pytest.mark.parametrize("width", [50, 80, 132])
def test_a_layer_s_table_fits_the_terminal_and_nothing_is_cut(width):
    """Every word of its docs, parameters, example and interplay is there, in lines no longer than
    the terminal is wide."""
    shown = COLOUR.sub("", watched("describe", "retry", width=width))
    found = reference.layer_reference("retry")
    example = found.example.splitlines()
    assert [
        line
        for line in shown.splitlines()
        if len(line.rstrip()) > width and line.strip() not in {each.strip() for each in example}
    ] == []
    assert "…" not in re.sub(r"e²\s+…", "", shown)
    # what is too long for its column goes on in the next line of it
    cells = [re.split(" {2,}", line.strip()) for line in shown.splitlines()]
    first, last = ("".join(line[place] for line in cells) for place in (0, -1))
    for text in (
        found.doc,
        found.interplay,
        found.example,
        *(row.doc for row in found.parameters),
        *(row.default for row in found.parameters[:1]),
    ):
        words = [word for word in text.split() if len(word) < 20]
        assert [word for word in words if word not in shown and word not in last] == []
    for key in (row.key.split(".")[-1] for row in found.parameters):
        assert key in shown or key in first


@pytest.mark.parametrize("kind", sorted(registry))
def test_a_layer_is_described_with_table_example_and_interplay(kind, capsys):
    """Each parameter on its line, then what runs, then what they do to each other."""
    text = said(capsys, "describe", f"layer={kind}")
    found = reference.layer_reference(kind)
    assert [
        row.key
        for row in found.parameters
        if not re.search(rf"^{re.escape(row.key)} .*{re.escape(row.doc)}$", text, re.M)
    ] == []
    assert (
        text.index("\nExample\n")
        < text.index(found.example.splitlines()[0])
        < text.index("What they do to each other")
    )
    assert " ".join(found.interplay.split()) in " ".join(text.split())


@pytest.mark.parametrize("name", ["kong", "policy=kong", "gateways/kong"])
def test_a_preset_of_a_gateway_is_described_by_its_bare_name_too(name, capsys):
    """As `policy=kong` is understood where a policy is wanted."""
    assert "AI Proxy Advanced" in said(capsys, "describe", name)


def test_a_gateway_s_page_tells_what_it_rests_on_in_paragraphs_and_the_list_leaves_it_out(capsys):
    """Source, assumptions and what is left out begin lines of their own in `describe`."""
    text = said(capsys, "describe", "policy=cloudflare")
    begins = {line.partition(":")[0] for line in text.splitlines() if ": " in line}
    assert {"Source", "Assumed", "Left out"} <= begins
    shown = COLOUR.sub("", watched("list", "policies", width=150))
    assert "Cloudflare's AI Gateway (2026)" in " ".join(shown.split())
    assert "Source: " not in shown


def test_a_list_of_presets_says_where_whole_gateways_are():
    """Which are policies; on a terminal alone."""
    assert "list policies" in watched("list", "presets")


def test_a_name_that_is_a_gateway_and_a_format_is_told_of_both(capsys):
    """The policy is described, and the other named."""
    text = said(capsys, "describe", "portkey")
    assert text.startswith("portkey (policy)")
    assert "format=portkey" in text


def test_a_scenario_is_described_by_question_table_and_file(capsys):
    """The question first; deployments, outage, promise in between; the file as it is."""
    text = said(capsys, "describe", "demo")
    file = (ROOT / "scenarios" / "demo.yaml").read_text(encoding="utf-8")
    places = [
        text.index(word)
        for word in (
            "What do forty",
            "99.00 % of requests succeed within",
            "2, 10",
            "40 min to 80 min",
            "The file",
            "repeats: {share",
        )
    ]
    assert places == sorted(places)
    assert [
        line for line in file.splitlines() if f"  {line}".rstrip() not in text.splitlines()
    ] == []


def test_a_policy_is_described_by_formula_and_file(capsys):
    """In words and as a formula."""
    text = said(capsys, "describe", "circuit_breaker")
    assert (
        "fallback, then breaker, then retry, then timeout, then send: "
        "fallback(breaker(retry(timeout(send))))" in text
    )
    assert "  breaker:  {failures: 3, window: 30s, cooldown: 30s, probes: 1}" in text


def test_a_metric_is_described_by_its_definition(capsys):
    """What it counts, its unit, which way is better; of some figures neither is."""
    assert "usable answer" in said(capsys, "describe", "success_rate")
    assert "More is better" in said(capsys, "describe", "success_rate")
    assert "is better" not in said(capsys, "describe", "breaker_opened")


def test_of_two_things_with_one_name_the_other_is_mentioned(capsys):
    """A layer and a policy are called cascade."""
    assert "simroute describe policy=cascade" in said(capsys, "describe", "cascade")
    assert said(capsys, "describe", "policy=cascade").startswith("cascade (policy)")


def test_scenario_keys_are_described_whole_or_by_section(capsys):
    """`scenario` has all, `scenario.outages` its own, with example and interplay."""
    assert "deployments (section" in said(capsys, "describe", "scenario")
    text = said(capsys, "describe", "scenario.outages")
    assert "NAME.error_share" in text
    assert "mean_between: 8h" in text


def test_what_is_not_known_is_refused_with_the_nearest_name(capsys):
    """One line."""
    assert (
        said(capsys, "describe", "sucess_rate", status=2)
        .strip()
        .endswith("did you mean success_rate?")
    )
    assert "did you mean failover?" in said(capsys, "describe", "policy=failovr", status=2)
    assert "metrics" in said(capsys, "list", "metrix", status=2)


def test_a_file_of_one_s_own_is_described_and_its_mistakes_are_told(capsys):
    """By path; a mistake is one line with the key."""
    Path("s.yaml").write_text(
        (ROOT / "scenarios" / "steady.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    assert "ordinary day" in said(capsys, "describe", "./s.yaml")
    Path("s.yaml").write_text("deployments: {}\nhorizn: 3\n", encoding="utf-8")
    assert "did you mean horizon?" in said(capsys, "describe", "s.yaml", status=2)


def test_names_and_texts_cannot_steer_the_terminal(capsys):
    """Escape, bell and right-to-left override come out as text, in lists and descriptions, on a
    terminal and off it."""
    bad = "evil\x1b]0;x\x07\u202e"
    Path("policies").mkdir()
    Path("policies", f"{bad}.yaml").write_text(
        f'about: "turn \\e[31m red {chr(0x202E)}[bold]."\ntimeout: {{}}\n', encoding="utf-8"
    )
    shown = [
        said(capsys, "list", "policies"),
        said(capsys, "list"),
        said(capsys, "describe", bad),
        said(capsys, "describe", f"policies/{bad}.yaml"),
    ]
    shown += [watched("list", "policies", NO_COLOR="1"), watched("describe", bad, NO_COLOR="1")]
    assert [
        text for text in shown if re.search("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f\u202a-\u202e]", text)
    ] == []
    assert all("\\u001b" in text for text in shown)
    assert "[bold]" in shown[2]


def test_control_characters_are_shown_and_durations_are_written_as_in_a_file():
    """Both are functions of their own."""
    assert escaped("a\tb\u2066") == "a\\u0009b\\u2066"
    assert [duration(s) for s in (0.45, 30.0, 90.0, 3600.0, 90_000.0, 4764.5)] == [
        "0.45s",
        "30s",
        "1m30s",
        "1h",
        "1d1h",
        "4764.5s",
    ]


@pytest.mark.parametrize(
    ("name", "owners", "words"),
    [
        ("breaker.cooldown", ["layer breaker"], ["duration, more than 0", "30s"]),
        ("policy.retry.backoff.initial", ["layer retry"], ["the first pause"]),
        ("workload.rate", ["a scenario file"], ["mean arrivals"]),
        ("scenario.outages.june.error_share", ["a scenario file"], ["0 to 1"]),
        ("budget.usd", ["layer budget", "a scenario file"], ["USD, at least 0"]),
    ],
)
def test_one_key_is_described(name, owners, words, capsys):
    """Of a layer or of a scenario, or of both where both have it; names are the user's own."""
    text = said(capsys, "describe", name)
    assert [line.partition("(key of ")[2] for line in text.splitlines() if "(key of " in line] == [
        f"{'the ' if owner.startswith('layer') else ''}{owner})" for owner in owners
    ]
    assert all(word in text for word in words)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("breaker.cooldwn", "breaker.cooldown"), ("workload.rat", "workload.rate")],
)
def test_a_key_that_is_none_is_refused_with_the_nearest(typed, meant):
    """Of the layer that is named, or of a scenario."""
    done = ran("describe", typed)
    assert done.returncode == 2
    assert f"did you mean {meant}?" in done.stderr


def test_prices_of_a_day_are_those_that_a_run_of_it_pays():
    """Each listed model can be named in a scenario, and costs there what the list says."""
    done = ran("list", "prices", "--date", "2026-01-15")
    head, *rows = done.stdout.splitlines()[1:]
    assert "(2026-01-15)" in head
    assert len(rows) > 100
    for row in rows[:: len(rows) // 25]:
        provider, model, price = re.split(r"\s{2,}", row)[:3]
        assert describe_price(catalogue_price(provider, model, "2026-01-15")) == price
    models = ran("list", "models").stdout.splitlines()[2:]
    assert [line.split()[:2] for line in models] == [line.split()[:2] for line in rows]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["prices", "--date", "15.1.2026"], "YYYY-MM-DD"),
        (["models", "--date", "20260115"], "YYYY-MM-DD"),
        (["models", "--date", "2026-W05-1"], "YYYY-MM-DD"),
        (["layers", "--date", "2026-01-15"], "list"),
    ],
)
def test_a_date_that_is_none_or_not_asked_for_is_refused(words, why):
    """One line."""
    done = ran("list", *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert why in done.stderr


def test_a_scenario_tells_its_peak_beside_its_mean_and_how_much_there_is_to_run(tmp_path):
    """From the profile: its highest hour by the mean one; requests of the whole horizon."""
    hours = [1] * 11 + [5] + [2] * 12
    text = (
        f"about: x?\nhorizon: 12h\nworkload: {{rate: 3, profile: {{hours: {hours}}}}}\n"
        "deployments: {a: {provider: x, model: m, price: {input: 1, output: 2}}}\n"
    )
    (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
    lines = ran("describe", str(tmp_path / "s.yaml")).stdout.splitlines()
    traffic, effort = (
        next(line for line in lines if line.startswith(word)) for word in ("traffic", "to run")
    )
    peak = 3 * 24 * 5 / sum(hours)
    assert f"3/s on average, {peak:.3g}/s at its peak (11 h after the start)" in traffic
    assert f"about {3 * 24 * 3600 * sum(hours[:12]) / sum(hours):,.0f} requests" in effort
    assert "on this machine" in effort


def test_callers_who_leave_and_gateways_that_forget_are_described(tmp_path):
    """In words, beside the rate and the replicas."""
    Path("own.yaml").write_text(
        "horizon: 1h\n"
        "workload: {rate: 2, sessions: {turns: 4}, patience: {mean: 30s}, again: {share: 0.4}}\n"
        "gateway: {replicas: 2, restart_every: 10m, flush_every: 20m, concurrency: 60, queue: 5}\n"
        "deployments: {a: {provider: p, model: m, price: {input: 1, output: 1}}}\n"
    )
    lines = ran("describe", "own.yaml").stdout.splitlines()
    traffic, gateway = (
        next(line for line in lines if line.startswith(word)) for word in ("traffic", "gateway")
    )
    for words in ("conversations of 4 turns", "patience 30 s", "40% of the unanswered asked again"):
        assert words in traffic
    assert gateway.split(maxsplit=1)[1] == (
        "2 replicas, state of their own, restarts every 10 min, caches flushed every 20 min, "
        "60 requests at a time in each, 5 wait"
    )


def test_a_file_is_described_with_or_without_its_kind(tmp_path):
    """As `compare` and `check` take it."""
    file = tmp_path / "mine.yaml"
    file.write_text((ROOT / "scenarios" / "steady.yaml").read_text(encoding="utf-8"))
    plain = ran("describe", str(file)).stdout
    assert plain.startswith(f"{file} (scenario)")
    assert ran("describe", f"scenario={file}").stdout.splitlines()[:3] == plain.splitlines()[:3]
