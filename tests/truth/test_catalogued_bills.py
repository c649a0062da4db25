"""Bills of whole runs and logs, held against the catalogue's own `calc_price` for each request."""

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from genai_prices import Usage, calc_price

from simroute.config.configuration import Configuration
from simroute.config.from_trace import TraceSource, load_replay
from simroute.config.loading import load, restore
from simroute.experiment.run import replicate
from simroute.models import spec
from simroute.models.prices import catalogue_release
from simroute.studies.bound.clairvoyant import clairvoyant_figures
from simroute.studies.run import run_study
from simroute.traces.analysis.spend import recompute_spend
from simroute.traces.importer import read

MODELS = {"anthropic": "claude-haiku-5-5", "deepseek": "deepseek-flash", "google": "gemini-4-argon"}
"""One whose price depends on the prompt, one on the hour, one that doubles on a day."""
DOUBLES = datetime(2026, 12, 1, tzinfo=UTC)


def told(provider: str, when: datetime, asked: int, given: int, cached: int = 0) -> float:
    usage = Usage(input_tokens=asked, output_tokens=given, cache_read_tokens=cached)
    return float(
        calc_price(
            usage, model_ref=MODELS[provider], provider_id=provider, genai_request_timestamp=when
        ).total_price
    )


def scenario(
    folder: Path, provider: str, asked: int, starts: str, horizon: str = "20m"
) -> Configuration:
    """Two calls a second, all of `asked` tokens in and 100 out, answered at once."""
    lengths = (
        f"input_tokens: {{median: {asked}, sigma: 0, max: 1000000}}, output_tokens: "
        f"{{median: 100, sigma: 0}}"
    )
    (folder / "s.yaml").write_text(
        f"horizon: {horizon}\nworkload: {{rate: 2, tasks: {{chat: {{{lengths}}}}}, profile: "
        f"{{starts: {starts}}}}}\n"
        f"deployments:\n  m: {{provider: {provider}, model: {MODELS[provider]}, latency: {{base: "
        f"1ms, per_1k_input: 0, per_output_token: 0}}}}\n"
    )
    (folder / "direct.yaml").write_text("about: As it comes.\n")
    return load("run", str(folder / "s.yaml"), [str(folder / "direct.yaml")])


@pytest.mark.parametrize(
    ("provider", "asked", "starts"),
    [
        ("anthropic", 99_000, "0"),
        ("anthropic", 150_000, "0"),
        ("deepseek", 1000, "0"),
        ("deepseek", 1000, "2"),
        ("deepseek", 1000, "33.5"),
        ("google", 1000, "2026-11-30T12:00"),
        ("google", 1000, "2026-12-02T12:00"),
    ],
)
def test_a_run_is_billed_by_the_catalogue(
    tmp_path: Path, provider: str, asked: int, starts: str
) -> None:
    """Long prompts at the price of long prompts, hours at theirs, days at theirs; of the
    catalogue's release where the run has no date."""
    made = scenario(tmp_path, provider, asked, starts)
    day = datetime.fromisoformat(starts if "T" in starts else catalogue_release()).replace(
        tzinfo=UTC
    )
    when = day if "T" in starts else day + timedelta(hours=float(starts) % 24)
    each = 1000 * told(provider, when + timedelta(minutes=5), asked, 100)
    figures = replicate(made, "direct", 0).metrics
    assert figures["requests"] > 2000
    assert figures["cost_per_1k_requests_usd"] == pytest.approx(each, rel=1e-12)
    assert clairvoyant_figures(made, 0)[0]["cost_usd"] == figures["cost_usd"], (
        "the clairvoyant bound bills alike"
    )


def test_a_price_that_changes_at_midnight_changes_within_a_run(tmp_path: Path) -> None:
    """Two hours around it: bills are those of the two days, in proportion to the requests of
    each."""
    made = scenario(tmp_path, "google", 1000, "2026-11-30T23:00", "2h")
    metrics = replicate(made, "direct", 0).metrics
    dear, cheap = (told("google", DOUBLES + timedelta(hours=hour), 1000, 100) for hour in (1, -1))
    assert dear == pytest.approx(2 * cheap)
    late = metrics["requests"] - (dear * metrics["requests"] - metrics["cost_usd"]) / (dear - cheap)
    assert late == pytest.approx(round(late), abs=1e-6), "whole requests came after midnight"
    assert late == pytest.approx(metrics["requests"] / 2, abs=5 * metrics["requests"] ** 0.5)


def test_what_a_run_cost_it_costs_again(tmp_path: Path) -> None:
    """The day of the prices is kept in config.yaml, and prices are shown there."""
    made = scenario(tmp_path, "deepseek", 1000, "0")
    kept = made.to_yaml()
    assert f"price_date: '{catalogue_release()}'" in kept
    assert any(catalogue_release() in note for note in made.notes)
    assert f"by hour of day: 0.15, 0.6 or 0.3, 1.2 ({catalogue_release()})" in kept
    (tmp_path / "config.yaml").write_text(kept.replace(catalogue_release(), "2026-08-20"))
    assert restore(tmp_path / "config.yaml").scenario.deployments["m"].price_date == "2026-08-20"


@pytest.fixture
def log(tmp_path: Path) -> tuple[Path, float]:
    """Three models over two days around a doubling: prompts of all lengths, half of them partly
    cached; billed by the catalogue."""
    chance, rows = random.Random(3), []
    for place in range(600):
        when = DOUBLES - timedelta(days=1) + timedelta(minutes=4.8 * place)
        provider = chance.choice(list(MODELS))
        asked, given = (
            chance.choice([chance.randrange(100, 5000), chance.randrange(100, 300_000)]),
            chance.randrange(1, 900),
        )
        cached = chance.choice([0, chance.randrange(asked)])
        rows.append(
            {
                "arrival_ns": round(when.timestamp() * 1e9),
                "input_tokens": asked,
                "cached_tokens": cached,
                "output_tokens": given,
                "provider": provider,
                "model": MODELS[provider],
                "failed": "false",
                "status": 200,
                "latency_s": 1.0,
                "feature": chance.choice(["chat", "extract"]),
                "cost_usd": told(provider, when, asked, given, cached),
            }
        )
    with (tmp_path / "log.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "log.csv", sum(row["cost_usd"] for row in rows)


def test_a_log_is_priced_call_by_call(log: tuple[Path, float]) -> None:
    """`trace inspect`: the catalogue comes to what the log says, with tiers, hours, dates and
    cached tokens."""
    found = recompute_spend(read([log[0]]))
    assert found is not None
    assert found.usd == pytest.approx(log[1], rel=1e-9)
    assert found.date == "2026-11-30 to 2026-12-01"


def test_a_replay_bills_each_call_at_its_own_date(log: tuple[Path, float]) -> None:
    """The log's own routing costs what the log says, played faster too; and what moving work would
    save is what the catalogue says of those calls."""
    for overrides in ([], ["scenario.workload.rate_scale=3"]):
        study = run_study(
            load_replay(TraceSource(str(log[0])), None, ["recorded"], overrides, 1, 1)
        )
        assert study.intervals["recorded"]["cost_usd"].mean == pytest.approx(log[1], abs=600e-9)
    rows = list(csv.DictReader(log[0].open()))
    for shift in study.replay["shifts"]:
        mine = [
            row for row in rows if (row["feature"], row["model"]) == (shift["work"], shift["from"])
        ]
        (to,) = [provider for provider, model in MODELS.items() if model == shift["to"]]
        for key, name in (("cost_usd", None), ("would_cost_usd", to)):
            costs = [
                told(
                    name or row["provider"],
                    datetime.fromtimestamp(int(row["arrival_ns"]) / 1e9, UTC),
                    *(int(row[c]) for c in COLUMNS),
                )
                for row in mine
            ]
            assert shift[key] == pytest.approx(sum(costs), abs=1e-9 * len(costs))
    assert study.replay["shifts"]


COLUMNS = ("input_tokens", "output_tokens", "cached_tokens")


@pytest.mark.parametrize(
    ("provider", "model", "asked", "starts", "usd"),
    [
        ("anthropic", "claude-haiku-5-5", 150_000, "12", 75.25),
        ("anthropic", "claude-sonnet-4-5", 250_000, "12", 1502.25),
        ("openai", "gpt-6.1-sol", 300_000, "12", 1201.50),
        ("google", "gemini-2.5-pro", 250_000, "12", 626.50),
        ("deepseek", "deepseek-flash", 1000, "12", 0.21),
        ("deepseek", "deepseek-flash", 1000, "2", 0.42),
        ("deepseek", "deepseek-flash", 1000, "33.5", 0.42),
    ],
)
def test_a_thousand_requests_cost_what_was_published_to_the_cent(
    provider: str, model: str, asked: int, starts: str, usd: float
) -> None:
    """Prompts of one length and answers of 100 tokens, for twenty minutes from an hour of the
    week."""
    lengths = spec.Lengths(median=asked, sigma=0.0, max=1_000_000), spec.Lengths(100, 0.0)
    load = spec.Workload(
        rate=2.0,
        tasks={"chat": spec.Task(input_tokens=lengths[0], output_tokens=lengths[1])},
        profile=spec.Profile(starts=float(starts)),
    )
    fleet = {"m": spec.Deployment(provider, model, max_input_tokens=1_000_000)}
    made = spec.Scenario(fleet, horizon=1200.0, workload=load)
    found = replicate(Configuration("run", "test", made, {"policy": {}}), "policy", 0).metrics
    assert found["success_rate"] == 1.0
    each = found["cost_usd"] / found["requests"]
    assert 1000 * each == pytest.approx(usd, abs=0.005)
