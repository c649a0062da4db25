"""What `describe` prints of a scenario: the question, the weather at a glance, the file."""

from __future__ import annotations

from simroute.cli.render import pages
from simroute.cli.terminal import duration, escaped
from simroute.config.configuration import Configuration
from simroute.models import spec
from simroute.models.price_notes import describe_prices
from simroute.models.quality import known_accuracies
from simroute.studies.comparison.promise import describe_promise


def scenario(name: str, made: Configuration, text: str) -> pages.Page:
    """The page."""
    weather = made.scenario
    yield from pages.head(name, "scenario")
    yield from pages.paragraphs(weather.about or "(no question is asked)")
    yield from pages.table(("", ""), _facts(made))
    said = describe_prices(weather, made.calendar)
    heads = (
        "deployment",
        "at",
        "$/1M in, out",
        "first token, speed",
        "errors",
        "quality",
        "limits",
    )
    yield from pages.table(
        heads,
        [_deployment(key, each, weather, said[key]) for key, each in weather.deployments.items()],
    )
    if weather.outages:
        yield from pages.table(
            ("outage", "where", "when", "errors", "slower", "hangs"),
            [_outage(*each) for each in weather.outages.items()],
        )
    yield from pages.title("The file")
    yield from pages.fragment(text)


def _facts(made: Configuration) -> list[tuple[str, str]]:
    weather = made.scenario
    load = weather.workload
    facts = [
        ("traffic", _traffic(made)),
        ("tasks", _shares({task: made.share for task, made in load.tasks.items()})),
        ("promise", describe_promise(weather)),
        ("outages", "" if weather.outages else "none"),
        ("budget", _budget(weather.budget)),
    ]
    if weather.gateway.replicas > 1:
        facts.append(
            (
                "gateway",
                f"{weather.gateway.replicas} replicas, state "
                f"{'shared' if weather.gateway.shared else 'of their own'}",
            )
        )
    return [fact for fact in facts if fact[1]]


def _budget(made: spec.Budget | None) -> str:
    if made is None:
        return "none"
    if made.period == "rolling":
        return f"${made.usd:,g} in {duration(made.window)}"
    return f"${made.usd:,g} a {made.period}" + (
        "" if (made.zone, made.reset) == ("UTC", "00:00") else f", from {made.reset} in {made.zone}"
    )


def _traffic(made: Configuration) -> str:
    load, horizon = made.scenario.workload, made.scenario.horizon
    trace = made.contents("trace")
    many = (
        f"{len(trace.arrival):,} requests of a trace"
        if trace is not None
        else f"{load.rate:g}/s, about {load.rate * horizon:,.0f} requests"
    )
    repeats = f", {_percent(load.repeats.share)} asked before" if load.repeats.share else ""
    return f"{many} in {duration(horizon)}, {_percent(load.streamed)} streamed{repeats}"


def _shares(weights: dict[str, float]) -> str:
    total = sum(weights.values()) or 1.0
    return ", ".join(f"{name} {_percent(weight / total)}" for name, weight in weights.items())


def _deployment(
    name: str, made: spec.Deployment, weather: spec.Scenario, priced: str
) -> tuple[str, ...]:
    right = known_accuracies(made.quality, weather.workload.tasks)
    speed = made.latency.per_output_token
    limits = {"rpm": made.limits.rpm, "tpm": made.limits.tpm, "at a time": made.limits.concurrency}
    return (
        name,
        f"{made.provider}, {made.model}",
        priced,
        duration(made.latency.base) + (f", {1 / speed:.0f}/s" if speed else ""),
        _percent(sum(made.errors.values())),
        ", ".join(f"{task} {_percent(share)}".strip() for task, share in right.items())
        or "not known",
        ", ".join(f"{value:,.10g} {unit}" for unit, value in limits.items() if value is not None)
        or "none",
    )


def _outage(name: str, made: spec.Outage) -> tuple[str, ...]:
    if made.start is not None:
        when = f"{_moment(made.start)} to {_moment(made.end)}"
    else:
        when = (
            f"every {duration(made.mean_between or 0.0)} or so, for {duration(made.repair)} or so"
        )
    where = made.deployment or made.provider or made.domain or ""
    return (
        name,
        escaped(where),
        when,
        f"{_percent(made.error_share)} with {made.status}",
        f"{made.slow_down:g} x",
        _percent(made.hang_share),
    )


def _percent(share: float) -> str:
    return f"{share * 100:.4g}%"


def _moment(when: float | str | None) -> str:
    return when if isinstance(when, str) else duration(when or 0.0)
