"""A log is reproduced under its own routing, and what is said of other routing is no more than that
allows."""

import csv
import io
import itertools
import json
import random
import statistics
from pathlib import Path

import pytest

from simroute.config.configuration import Configuration
from simroute.config.from_trace import TraceSource, load_replay
from simroute.config.loading import load as load_scenario
from simroute.config.loading import restore
from simroute.errors import InputError
from simroute.execution.options import ExecutionOptions
from simroute.execution.progress import StudyListener
from simroute.storage.replication_journal import JOURNAL
from simroute.studies.comparison.study import Study
from simroute.studies.rebuild import rebuild_report
from simroute.studies.replay.calibration import undisturbed_replay
from simroute.studies.run import run_study
from simroute.traces import read
from simroute.traces.analysis.spend import recompute_spend
from tests.logs import LISTED, calls, written

FLAKY = {"gpt-4o": 0.08, "claude-sonnet-4-0": 0.02}


def replay(
    path: Path,
    *policies: str,
    replications: int = 3,
    outages: list[str] | None = None,
    overrides: list[str] | None = None,
    **more,
) -> Study:
    """The log's own routing and these policies. `more`: keys of the workload."""
    return run_study(
        load_replay(
            TraceSource(str(path), outages or [], more),
            None,
            ["recorded", *policies],
            overrides or [],
            1,
            replications,
        )
    )


@pytest.fixture(scope="module")
def rows():
    return list(calls(4000, fails=lambda model, t: FLAKY[model]))


@pytest.fixture(scope="module")
def study(rows, tmp_path_factory):
    """4,000 requests of two models that fail now and then."""
    return replay(
        written(tmp_path_factory.mktemp("logs") / "log.csv", rows), "failover", replications=8
    )


def test_figures_of_the_log_are_sums_over_its_rows(study, rows):
    """Success and cost to the last digit, quantiles of successful requests to the width of a
    histogram's cell."""
    found = {name: row["logged"] for name, row in study.replay["calibration"].items()}
    good = sorted(row["latency_s"] for row in rows if row["failed"] == "false")
    assert found["success_rate"] == len(good) / 4000
    assert found["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in rows), rel=1e-6)
    assert found["latency_p50_s"] == pytest.approx(good[len(good) // 2], rel=0.01)
    assert found["latency_p95_s"] == pytest.approx(good[len(good) * 95 // 100], rel=0.01)


def test_a_log_made_by_known_laws_is_reproduced(study):
    """Each figure of its own routing has the log's within its 95 % interval over eight
    replications, or within 1 % of it."""
    for name, row in study.replay["calibration"].items():
        replayed = row["replayed"]
        assert (
            replayed["low"] <= row["logged"] <= replayed["high"] or abs(row["relative"]) < 0.01
        ), name
        assert row["residual"] == pytest.approx(replayed["mean"] - row["logged"])


def test_every_request_of_the_log_is_played_once(study, rows):
    """4,000 requests under each policy in each replication, and as many of each user as the log
    has."""
    mine = {
        user: sum(row["user"] == user for row in rows) for user in {row["user"] for row in rows}
    }
    for runs in study.runs.values():
        for run in runs:
            assert run.metrics["requests"] == 4000
            assert {user: row["requests"] for user, row in run.by["user"].items()} == mine
    assert {run.metrics["attempts_per_request"] for run in study.runs["recorded"]} == {1.0}


def test_where_nothing_can_fail_over_the_differences_are_none(tmp_path):
    """A log of one model that never fails: failover does what the log did, which is no doubt."""
    path = written(tmp_path / "log.csv", calls(300, models={"gpt-4o": 1.0}))
    made = replay(path, "failover")
    assert {row["mean"] for row in made.replay["differences"]} == {0.0}
    assert all(row["same"] and not row["decided"] for row in made.replay["differences"])
    text = "\n".join(made.lines())
    assert "failover - recorded, success: the same" in text
    assert "undecided (" not in text
    assert "gpt-4o is the only deployment" in text


def test_money_is_conserved_in_every_split(study, rows):
    """Spend by model, user and day adds up to the log's cost before, and to the policy's cost
    after."""
    paid = sum(row["cost_usd"] for row in rows)
    for kind in ("model", "user", "day"):
        found = study.replay["spend"][kind]
        assert sum(found["before"]) == pytest.approx(paid)
        for policy, column in found["after"].items():
            assert sum(column) == pytest.approx(study.intervals[policy]["cost_usd"].mean)


def test_what_is_cheaper_is_told_by_the_list(study, rows):
    """All of Claude's tokens at gpt-4o's price are the only shift that saves; a log knows no
    quality."""
    mine = [row for row in rows if row["model"] == "claude-sonnet-4-0"]
    asked, given = (sum(row[name] for row in mine) for name in ("input_tokens", "output_tokens"))
    (shift,) = study.replay["shifts"]
    assert (shift["from"], shift["to"]) == ("claude-sonnet-4-0", "gpt-4o")
    assert shift["cost_usd"] == pytest.approx((3 * asked + 15 * given) / 1e6)
    assert shift["saves_usd"] == pytest.approx((0.5 * asked + 5 * given) / 1e6)
    assert (shift["quality_from"], shift["quality_to"]) == (None, None)


def test_no_quality_is_reported_where_nobody_knows_it(study):
    """Neither by policy nor by task; everything else is."""
    for policy in study.runs:
        assert study.intervals[policy]["quality_mean"].mean is None
        assert all(
            row.get("quality_mean") is None
            for run in study.runs[policy]
            for row in run.by["task"].values()
        )


def test_all_of_a_busy_log_is_observed(study):
    """Both deployments have hundreds of calls in each hour, so that every send is resampled."""
    assert study.replay["origin"]["failover"] == {"sends": 1.0, "answers": 1.0, "cost": 1.0}


def test_an_hour_that_the_log_hardly_has_is_modelled(tmp_path):
    """A hundred calls of gpt-4o, and ten of Claude: a policy that asks Claude alone has nothing
    observed."""
    rows = [*itertools.islice(calls(110, models={"gpt-4o": 1}), 100)]
    rows += [
        row | {"arrival_ns": rows[-1]["arrival_ns"] + row["arrival_ns"] % 10**9 + 1}
        for row in calls(10, models={"claude-sonnet-4-0": 1})
    ]
    policy = tmp_path / "claude.yaml"
    policy.write_text("fallback: {targets: [claude-sonnet-4-0]}\n")
    found = replay(written(tmp_path / "log.csv", rows), str(policy)).replay["origin"]
    assert found["claude"]["answers"] == 0.0
    assert found["recorded"]["answers"] == pytest.approx(100 / 110)


WIDTHS = {"success_rate": 0.002, "latency_p50_s": 0.03, "latency_p95_s": 0.07, "cost_usd": 0.01}
"""Three standard errors of such a figure of 3,600 requests, as a share of it: what a log of so many
tells."""


def test_a_run_of_our_own_is_reproduced(tmp_path):
    """Rows of a simulation, read as a log: its figures come back as they were, and its own routing
    gives them again."""
    scenario, out = tmp_path / "two.yaml", tmp_path / "run"
    scenario.write_text(
        "horizon: 40m\nworkload: {rate: 1.5}\ndeployments:\n"
        "  near: {provider: here, model: one, price: {input: 1, output: 4}, errors: {500: 0.05}, "
        "latency: {per_output_token: 1ms}}\n"
        "  far: {provider: there, model: two, price: {input: 2, output: 6}, errors: {503: 0.2}, "
        "latency: {per_output_token: 2ms}}\n"
    )
    out.mkdir()
    made = run_study(
        load_scenario("run", str(scenario), ["failover"], [], 1, 1),
        rows=True,
        options=ExecutionOptions(out=out),
    )
    again = replay(out / "requests.parquet", replications=6).replay["calibration"]
    for name, row in again.items():
        assert row["logged"] == pytest.approx(made.runs["failover"][0].metrics[name], rel=1e-4), (
            name
        )
        assert abs(row["relative"]) < WIDTHS[name], name


@pytest.mark.parametrize(("billed", "decided"), [(1.0, True), (1.1, False)])
def test_a_difference_smaller_than_the_residual_is_undecided(tmp_path, billed, decided):
    """All at gpt-4o costs some 5 % more than 95 % of it: certain when bills are as listed, nothing
    to believe when they are a tenth higher."""
    rows = [
        row | {"cost_usd": billed * row["cost_usd"]}
        for row in calls(1500, models={"gpt-4o": 95, "gpt-4o-mini": 5})
    ]
    found = replay(written(tmp_path / "log.csv", rows), "direct")
    (cost,) = [row for row in found.replay["differences"] if row["metric"] == "cost_usd"]
    assert cost["low"] > 0 or cost["low"] == cost["high"] > 0
    assert (cost["decided"], cost["residual"] > cost["mean"]) == (decided, not decided)
    line = next(line for line in found.verdict_lines() if "direct - recorded, cost" in line)
    assert ("undecided" in line) is not decided
    assert found.replay["calibration"]["cost_usd"]["relative"] == pytest.approx(
        1 / billed - 1, abs=1e-6
    )


def test_differences_count_outages_that_lie_over_the_trace_at_random(tmp_path):
    """None was met: another policy may gain, or lose, the share of time in which outages are
    expected, as in all tables of a study."""
    path = written(tmp_path / "log.csv", calls(300))
    found = replay(
        path,
        "failover",
        replications=4,
        outages=["{provider: openai, mean_between: 4000s, repair: 30s, error_share: 1.0}"],
    )
    assert found.confidence.exposure.outages == 0
    (share,) = [row for row in found.replay["differences"] if row["metric"] == "success_rate"]
    # of a horizon of 300 s that begins in fair weather: 1 - (1 - exp(-x)) / x with x = 300 (1 /
    # 4000 + 1 / 30)
    expected = 30 / (4000 + 30) * 0.9
    assert (
        share["low"]
        <= share["mean"] - 0.95 * expected
        < share["mean"] + 0.95 * expected
        <= share["high"]
    )


def test_a_difference_that_may_be_chance_is_undecided(study):
    """Its interval contains 0, or it is more than the residual."""
    for row in study.replay["differences"]:
        assert not (row["decided"] and row["low"] <= 0 <= row["high"])
        assert not (row["decided"] and abs(row["mean"]) <= row["residual"])


def test_one_replication_decides_nothing(tmp_path):
    """Its differences have no interval, however large they are."""
    found = replay(
        written(tmp_path / "log.csv", calls(300, models={"gpt-4o": 1, "gpt-4o-mini": 1})),
        "direct",
        replications=1,
    )
    (cost,) = [row for row in found.replay["differences"] if row["metric"] == "cost_usd"]
    assert (
        abs(cost["mean"])
        > 0.3 * found.intervals["recorded"]["cost_usd"].mean
        > 1000 * cost["residual"]
    )
    assert not any(row["decided"] for row in found.replay["differences"])


def test_failures_come_only_when_the_log_has_them(tmp_path):
    """Half of the calls of the second hour fail in the log; in the replay half of those within, and
    none that is five minutes outside."""
    path = written(
        tmp_path / "log.csv",
        calls(3600, rate=1 / 3, fails=lambda model, t: 0.5 if 3600 <= t < 7200 else 0.0),
    )
    found = replay(path, replications=2)
    counts, horizon = found.evidence["recorded"].counts, found.configuration.scenario.horizon
    arrivals, ok = counts["arrivals"], counts["ok"]
    starts = [place * horizon / len(arrivals) for place in range(len(arrivals))]
    width = horizon / len(arrivals)
    outside = [
        place for place, start in enumerate(starts) if start + width <= 3300 or start >= 7500
    ]
    inside = [
        place for place, start in enumerate(starts) if start >= 3900 and start + width <= 6900
    ]
    assert len(outside) > 50
    assert (arrivals - ok)[outside].sum() == 0
    assert ok[inside].sum() / arrivals[inside].sum() == pytest.approx(
        0.5, abs=4 * (0.25 / 2000) ** 0.5
    )


@pytest.mark.parametrize(("day", "listed"), [("2025-06-01", (10, 40)), ("2025-07-01", (2, 8))])
def test_prices_are_those_of_the_day(tmp_path, day, listed):
    """OpenAI cut o3 from $10 and $40 to $2 and $8 on 10 June 2025."""
    lines = [f"{day}T10:{minute:02d}:00Z,1000,500,openai,o3,false,1.5" for minute in range(60)]
    path = tmp_path / "log.csv"
    path.write_text("created,in,out,provider,model,bad,took\n" + "\n".join(lines) + "\n")
    (tmp_path / "map.yaml").write_text(
        "time: created\ninput_tokens: in\noutput_tokens: out\nprovider: provider\nmodel: "
        "model\nfailed: bad\nlatency_s: took\n"
    )
    found = replay(path, replications=1, reading={"mapping": str(tmp_path / "map.yaml")})
    assert found.intervals["recorded"]["cost_usd"].mean == pytest.approx(
        60 * (1000 * listed[0] + 500 * listed[1]) / 1e6
    )


def priced(path: Path) -> dict[str, float | None]:
    """What the replay's only deployment costs, USD per million tokens."""
    (made,) = load_replay(
        TraceSource(str(path)), None, ["recorded"], []
    ).scenario.deployments.values()
    assert made.price is not None
    return {"input": made.price.input, "output": made.price.output, "cached": made.price.cached}


def test_a_model_that_no_catalogue_knows_costs_what_its_bills_say(tmp_path):
    """$0.80 and $2.40, exactly, since these bills have no noise; with a third price where tokens
    were cached."""
    chance = random.Random(4)
    plain = {"provider": "us", "model": "in-house-7"}
    rows = list(calls(200, models={"gpt-4o": 1}))
    for row in rows:
        row |= plain | {"cost_usd": (0.8 * row["input_tokens"] + 2.4 * row["output_tokens"]) / 1e6}
    assert priced(written(tmp_path / "log.csv", rows)) == {
        "input": 0.8,
        "output": 2.4,
        "cached": None,
    }
    for row in rows:
        had = chance.randrange(row["input_tokens"])
        row |= {
            "cached_tokens": had,
            "cost_usd": (
                0.8 * (row["input_tokens"] - had) + 2.4 * row["output_tokens"] + 0.08 * had
            )
            / 1e6,
        }
    assert priced(written(tmp_path / "cached.csv", rows)) == {
        "input": 0.8,
        "output": 2.4,
        "cached": 0.08,
    }


def test_cached_input_is_billed_at_its_own_price(tmp_path):
    """Claude Sonnet reads its cache for $0.30 instead of $3, so a log billed so is met to the
    nano-dollar a request."""
    rows = []
    for place, row in enumerate(calls(300, models={"claude-sonnet-4-0": 1})):
        had = (place * 37) % row["input_tokens"]
        rows.append(
            row
            | {
                "cached_tokens": had,
                "cost_usd": (
                    3 * (row["input_tokens"] - had) + 0.3 * had + 15 * row["output_tokens"]
                )
                / 1e6,
            }
        )
    found = replay(written(tmp_path / "log.csv", rows), replications=1).replay
    assert abs(found["calibration"]["cost_usd"]["residual"]) < 300e-9
    prompt = found["caching"]["prompt"]
    assert prompt["saved_usd"] == pytest.approx(
        2.7 * sum(row["cached_tokens"] for row in rows) / 1e6
    )


def test_input_written_to_a_cache_is_billed_at_its_own_price(tmp_path):
    """Claude Sonnet writes its cache for $3.75 instead of $3; a model that no catalogue knows has
    such a price too, if its bills say so."""
    rows = []
    for place, row in enumerate(calls(300, models={"claude-sonnet-4-0": 1})):
        had, put = (place * 37) % row["input_tokens"] // 2, (place * 53) % row["input_tokens"] // 2
        cost = (
            3 * (row["input_tokens"] - had - put)
            + 0.3 * had
            + 3.75 * put
            + 15 * row["output_tokens"]
        )
        rows.append(row | {"cached_tokens": had, "written_tokens": put, "cost_usd": cost / 1e6})
    log = written(tmp_path / "log.csv", rows)
    found = replay(log, replications=1).replay
    assert abs(found["calibration"]["cost_usd"]["residual"]) < 300e-9
    saved = sum(2.7 * row["cached_tokens"] - 0.75 * row["written_tokens"] for row in rows) / 1e6
    assert found["caching"]["prompt"]["saved_usd"] == pytest.approx(saved)
    spend = recompute_spend(read([log]))
    assert spend.usd == pytest.approx(sum(row["cost_usd"] for row in rows))
    assert spend.written == pytest.approx(sum(0.75 * row["written_tokens"] for row in rows) / 1e6)
    own = written(tmp_path / "own.csv", [row | {"model": "in-house-7"} for row in rows])
    (made,) = load_replay(
        TraceSource(str(own)), None, ["recorded"], []
    ).scenario.deployments.values()
    assert (
        made.price.input,
        made.price.output,
        made.price.cached,
        made.price.written,
    ) == pytest.approx((3, 15, 0.3, 3.75))


def test_repeats_are_what_an_exact_cache_would_save(tmp_path):
    """Four prompts of 300 calls: 296 came before, and all but the first of each are saved whole."""
    rows = [row | {"question": f"q{place % 4}"} for place, row in enumerate(calls(300, rate=0.01))]
    exact = replay(written(tmp_path / "log.csv", rows), replications=1).replay["caching"]["exact"]
    assert exact["requests"] == 296
    assert exact["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in rows[4:]))
    gaps = [
        (later["arrival_ns"] - row["arrival_ns"]) / 1e9
        for row, later in zip(rows, rows[4:], strict=False)
    ]
    assert exact["within_hour"] == sum(gap <= 3600 for gap in gaps)


def test_beginnings_of_prompts_are_what_a_providers_cache_would_read(tmp_path):
    """Prompts of four blocks of which half are always the same: half of all input but the first
    prompt's, read for $0.30 instead of $3."""
    rows = [
        row | {"blocks": [1, 2, 10 * place, 10 * place + 1]}
        for place, row in enumerate(calls(100, models={"claude-sonnet-4-0": 1}))
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    prompt = replay(path, replications=1).replay["caching"]["prompt"]
    asked, first = sum(row["input_tokens"] for row in rows), rows[0]["input_tokens"]
    assert (
        prompt["prefix_share"]
        == prompt["prefix_share_5min"]
        == pytest.approx((asked - first) / 2 / asked)
    )
    assert prompt["could_save_usd"] == pytest.approx(2.7 * (asked - first) / 2 / 1e6)
    assert prompt["cached_tokens"] is None


def test_part_of_a_log_is_played_and_held_against_the_same_part(tmp_path):
    """From 10 to 20 minutes: exactly the requests that came then, and their cost."""
    rows = list(calls(2000))
    start = rows[0]["arrival_ns"]
    mine = [row for row in rows if 600 <= (row["arrival_ns"] - start) / 1e9 <= 1200]
    found = replay(
        written(tmp_path / "log.csv", rows), replications=1, trace_from="10m", trace_to="20m"
    )
    assert found.replay["requests"] == found.runs["recorded"][0].metrics["requests"] == len(mine)
    assert found.replay["calibration"]["cost_usd"]["logged"] == pytest.approx(
        sum(row["cost_usd"] for row in mine)
    )


def test_faster_and_over_again_is_calibrated_without(tmp_path):
    """Twice as fast, three times over: three times the requests in a good half more of the time,
    held against the log as it was."""
    path = written(tmp_path / "log.csv", calls(800))
    found, plain = (
        replay(path, replications=2, trace_loop=3, rate_scale=2.0),
        replay(path, replications=2),
    )
    assert {run.metrics["requests"] for run in found.runs["recorded"]} == {2400}
    assert found.configuration.scenario.horizon == pytest.approx(
        1.5 * plain.configuration.scenario.horizon, rel=0.01
    )
    assert found.replay["calibration"] == plain.replay["calibration"]
    assert found.replay["laid_over"] == ["2 times as fast", "3 times over"]
    calm = undisturbed_replay(found.configuration).scenario
    assert calm.horizon == pytest.approx(plain.configuration.scenario.horizon)


def test_jitter_makes_intervals_speak_of_traffic_like_this(tmp_path):
    """The number of requests varies over replications as a sum of sessions of three does; the log's
    own is known exactly."""
    path = written(tmp_path / "log.csv", calls(1200))
    found = replay(path, replications=12, trace_jitter=True)
    counts = [run.metrics["requests"] for run in found.runs["recorded"]]
    sd = (400 * 9) ** 0.5  # 400 sessions of three requests, each Poisson(1) often
    assert abs(statistics.fmean(counts) - 1200) < 4 * sd / 12**0.5
    # 99.9 % of chi-squared with 11 degrees of freedom lies within
    assert 0.5 * sd < statistics.stdev(counts) < 1.7 * sd
    assert found.replay["requests"] == 1200


OUTAGE = "{provider: openai, start: 25%, end: 75%, error_share: 1.0}"


def test_an_outage_is_laid_over_the_log(tmp_path):
    """All of openai fails in the middle half: half of half of the requests under the log's routing;
    calibration knows nothing of it."""
    path = written(tmp_path / "log.csv", calls(2000))
    found, plain = (
        replay(path, "failover", replications=2, outages=[OUTAGE]),
        replay(path, "failover", replications=2),
    )
    assert found.intervals["recorded"]["success_rate"].mean == pytest.approx(0.75, abs=0.04)
    assert found.intervals["failover"]["success_rate"].mean > 0.99
    assert found.replay["calibration"] == plain.replay["calibration"]
    assert found.replay["laid_over"] == ["outage laid-1"]


def test_a_scenarios_outages_are_laid_over_by_its_name(tmp_path):
    """Those of the packaged anthropic_outage, of the provider that the log has."""
    path = written(tmp_path / "log.csv", calls(300, rate=0.05))
    made = load_replay(TraceSource(str(path), ["anthropic_outage"]), None, ["recorded"], [])
    known = load_scenario("compare", "anthropic_outage", [], []).scenario.outages
    assert made.scenario.outages == known
    with pytest.raises(InputError, match="no outages"):
        load_replay(TraceSource(str(path), ["steady"]), None, ["recorded"], [])


@pytest.fixture
def made(tmp_path) -> Configuration:
    """A short replay of two policies in three replications."""
    return load_replay(
        TraceSource(str(written(tmp_path / "log.csv", calls(200))), [OUTAGE]),
        None,
        ["recorded", "failover"],
        [],
        3,
        3,
    )


def test_the_configuration_of_a_replay_gives_the_same_bits(made, tmp_path):
    """config.yaml, read back: every file of the run; and the page, built again from what is
    stored."""
    out, again = tmp_path / "run", tmp_path / "again"
    out.mkdir(), again.mkdir()
    run_study(made, options=ExecutionOptions(out=out))
    run_study(restore(out / "config.yaml"), options=ExecutionOptions(out=again))
    for name in (
        "summary.json",
        "evidence.json",
        "spend.csv",
        "shifts.csv",
        "caching.csv",
        "report.html",
    ):
        assert (again / name).read_bytes() == (out / name).read_bytes(), name
    assert rebuild_report(out) == (out / "report.html").read_text(encoding="utf-8")


def test_an_interrupted_replay_goes_on_with_the_same_bits(made, tmp_path):
    """Interrupted after the second of six runs; the rest makes what one run would have made,
    calibration included."""
    out, left = tmp_path / "run", []
    out.mkdir()

    class Stops(StudyListener):
        def finished(self, job, figures):
            left.append(job)
            if len(left) == 2:
                raise KeyboardInterrupt

    run_study(made, options=ExecutionOptions(out=out), watch=Stops())
    assert (out / JOURNAL).exists()
    assert json.loads((out / "summary.json").read_bytes())["replications"] == 1
    again = run_study(made, options=ExecutionOptions(out=out, resume=True))
    assert again.to_json() == run_study(made).to_json()
    assert not (out / JOURNAL).exists()


HOSTILE = ['=HYPERLINK("http://evil","x")', "+1+1", "@SUM(A1)", "-2+3", "\t=1"]
"""The payloads of vector R05."""


@pytest.fixture(scope="module")
def sheets(tmp_path_factory):
    """spend.csv of a log whose users are those, by name."""
    folder = tmp_path_factory.mktemp("hostile")
    rows = [
        row | {"user": (HOSTILE * 60)[place], "feature": "<image href=x onerror=alert(1)>"}
        for place, row in enumerate(calls(300))
    ]
    (folder / "run").mkdir()
    path = written(folder / "log.jsonl", [])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_study(
        load_replay(TraceSource(str(path)), None, ["recorded"], []),
        options=ExecutionOptions(out=folder / "run"),
    )
    return folder / "run"


def test_no_name_of_a_log_is_a_formula_in_a_spreadsheet(sheets):
    """R05: each payload comes back with an apostrophe before it; numbers are numbers, and add
    up."""
    raw = (sheets / "spend.csv").read_text(encoding="utf-8")
    found = list(csv.DictReader(io.StringIO(raw, newline="")))
    users = [row for row in found if row["by"] == "user"]
    assert sorted(row["name"].strip("'").strip() for row in users) == sorted(
        name.strip() for name in HOSTILE
    )
    assert all(row["name"].startswith("'") for row in users)
    total = json.loads((sheets / "summary.json").read_bytes())["policies"]["recorded"]["metrics"][
        "cost_usd"
    ]["mean"]
    assert sum(float(row["recorded_usd"]) for row in users) == pytest.approx(total)


def test_no_name_of_a_log_is_code_in_the_page(sheets):
    """R04: users and features stand in the page as text."""
    html = (sheets / "report.html").read_text(encoding="utf-8")
    assert "<image href=x" not in html
    assert "&lt;image href=x onerror=alert(1)&gt;" in html
    assert "=HYPERLINK(&quot;http://evil&quot;,&quot;x&quot;)" in html


def test_a_thousand_names_are_fifty_and_the_others(tmp_path):
    """The 50 users who spend most by name, all else in one row, and nothing lost."""
    rows = [row | {"user": f"user-{place % 1000:03d}"} for place, row in enumerate(calls(2000))]
    found = replay(written(tmp_path / "log.csv", rows), replications=1).replay["spend"]["user"]
    assert len(found["names"]) == 51
    assert found["names"][-1] == "(others)"
    assert sum(found["before"]) == pytest.approx(sum(row["cost_usd"] for row in rows))
    assert found["before"][:50] == sorted(found["before"][:50], reverse=True)


def test_listed_prices_are_those_of_the_catalogue(study):
    """What the logs of these tests are billed by is what the replay bills."""
    for name, made in study.configuration.scenario.deployments.items():
        assert (made.provider, made.price) == (LISTED[name][0], None)


def chained(chance: random.Random, number: int) -> list[dict]:
    """A gateway that asks near, and far when that fails (30 %), which fails half as often."""
    rows = []
    for row in calls(number):
        tries, at = [], 0.0
        for model, share in (("near", 0.3), ("far", 0.15)):
            bad = chance.random() < share
            tries.append(
                {
                    "offset_s": at,
                    "latency_s": 0.5,
                    "provider": model,
                    "model": model,
                    "status": 503 if bad else 200,
                }
            )
            at += 0.5
            if not bad:
                break
        failed = tries[-1]["status"] == 503
        last = {
            "provider": tries[-1]["model"],
            "model": tries[-1]["model"],
            "tries": json.dumps(tries),
            "status": tries[-1]["status"],
        }
        rows.append(
            row
            | last
            | {"failed": str(failed).lower(), "latency_s": at, "cost_usd": 0 if failed else 0.01}
        )
    return rows


def test_a_gateway_that_fell_over_does_so_again(tmp_path):
    """95.5 % succeed in the log (1 - 0.3 x 0.15) and in its replay, though other calls fail there
    than did in the log."""
    rows = chained(random.Random(6), 3000)
    found = replay(written(tmp_path / "log.csv", rows), replications=6)
    success = found.replay["calibration"]["success_rate"]
    assert success["logged"] == sum(row["failed"] == "false" for row in rows) / 3000
    assert abs(success["residual"]) < 4 * (0.955 * 0.045 / 3000 / 6) ** 0.5 + 1e-3
    assert found.intervals["recorded"]["attempts_per_request"].mean == pytest.approx(1.3, abs=0.03)


def test_what_a_cache_of_the_gateway_answered_is_not_sent(tmp_path):
    """Every fifth request: 0.8 attempts a request and a fifth of hits under the log's routing, at
    the log's own cost; failover sends them all."""
    hit = {"cached": "exact", "cost_usd": 0, "latency_s": 0.01}
    rows = [
        row | (hit if place % 5 == 0 else {"cached": "no"}) for place, row in enumerate(calls(600))
    ]
    found = replay(written(tmp_path / "log.csv", rows), "failover", replications=1)
    recorded = found.intervals["recorded"]
    assert (recorded["attempts_per_request"].mean, recorded["cache_hit_rate"].mean) == (0.8, 0.2)
    assert recorded["cost_usd"].mean == pytest.approx(sum(row["cost_usd"] for row in rows))
    assert found.intervals["failover"]["attempts_per_request"].mean == 1.0


def test_spend_of_nobody_is_not_lost(tmp_path):
    """Users called "-" and "(others)", and none at all: everything that Ann has not spent is told
    as not named."""
    rows = [
        row | {"user": ["-", "", "(others)", "ann"][place % 4]}
        for place, row in enumerate(calls(400))
    ]
    found = replay(written(tmp_path / "log.csv", rows), replications=1).replay["spend"]["user"]
    ann = sum(row["cost_usd"] for row in rows if row["user"] == "ann")
    assert dict(zip(found["names"], found["before"], strict=True)) == {
        "ann": pytest.approx(ann),
        "(not named)": pytest.approx(sum(row["cost_usd"] for row in rows) - ann),
    }


def test_a_window_without_requests_is_refused(tmp_path: Path) -> None:
    """Nothing between two requests a day apart."""
    path = tmp_path / "log.csv"
    path.write_text("arrival_s,input_tokens,output_tokens\n0,10,5\n86400,10,5\n")
    with pytest.raises(InputError, match="no request came from 3600 s to 7200 s"):
        load_replay(
            TraceSource(str(path), [], {"trace_from": 3600.0, "trace_to": 7200.0}),
            "steady",
            ["failover"],
            [],
        )


@pytest.mark.parametrize("number", [1, 5])
def test_a_trace_of_one_moment_is_played_when_the_horizon_is_given(
    tmp_path: Path, number: int
) -> None:
    """Each of its requests once, at the start; without a horizon it is refused, with what to
    write."""
    first = next(iter(calls(1)))
    log = written(tmp_path / "log.csv", [first] * number)
    study = replay(log, "direct", replications=2, overrides=["scenario.horizon=60s"])
    for run in study.runs["direct"]:
        assert (run.metrics["requests"], run.metrics["success_rate"]) == (number, 1.0)
        assert run.metrics["latency_p50_s"] == pytest.approx(first["latency_s"], rel=0.01)
    with pytest.raises(InputError, match=r"give scenario\.horizon="):
        replay(log, "direct")
    with pytest.raises(InputError, match="over and over"):
        replay(log, "direct", overrides=["scenario.horizon=60s"], trace_loop=2)
