"""What each section of a run's page has to say, in a line that is read while it is folded."""

from __future__ import annotations

from collections.abc import Callable

from simroute.report.figures.weather import throttled_spells
from simroute.report.picture import RunDocuments
from simroute.text import clean
from simroute.units import percent, seconds, usd


def of_section(run: RunDocuments, title: str) -> str:
    """The line of the section with this title; empty where it has none."""
    gist = GISTS.get(title)
    return "" if gist is None else gist(run)


def _weather(run: RunDocuments) -> str:
    weather = run.evidence["weather"]
    names = ", ".join(clean(spell["name"], 30) for spell in weather[:3])
    more = f" and {len(weather) - 3} more" if len(weather) > 3 else ""
    throttling = sorted(
        {target for policy in run.policies for *_, target in throttled_spells(run, policy)}
    )
    limited = ", ".join(clean(target, 30) for target in throttling[:3])
    parts = [names + more] * bool(weather) + [f"429s from {limited}"] * bool(throttling)
    return "; ".join(parts)


def _failures(run: RunDocuments) -> str:
    return _range(run, "success_rate", lambda share: percent(1 - (share or 0.0)), "failed: ", True)


def _cost(run: RunDocuments) -> str:
    return _range(run, "cost_per_1k_requests_usd", usd, "for 1,000 requests: ")


def _wait(run: RunDocuments) -> str:
    return _range(run, "latency_p95_s", seconds, "p95 latency: ")


def _quality(run: RunDocuments) -> str:
    return _range(run, "quality_mean", percent, "right answers: ")


def _range(
    run: RunDocuments,
    metric: str,
    text: Callable[[float | None], str],
    what: str,
    falling: bool = False,
) -> str:
    """The policies with the least and the most of a metric (`falling`: the most first), or the one
    figure that all show; empty where nobody has it."""
    means = {
        policy: mean
        for policy in run.policies
        if (mean := run.metric(policy, metric)["mean"]) is not None
    }
    if not means:
        return ""
    least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    texts = {text(mean) for mean in means.values()}
    if len(texts) == 1:
        count = {1: "", 2: "both "}.get(len(means), "all ")
        return f"{what}{count}{text(means[least])}"
    ends = (
        f"{text(means[policy])} ({clean(policy, 30)})"
        for policy in ((most, least) if falling else (least, most))
    )
    return f"{what}{' to '.join(ends)}"


def _requests(run: RunDocuments) -> str:
    count = len(run.evidence["strange"])
    return f"the {count} strangest" if count > 1 else ""


def _assumptions(run: RunDocuments) -> str:
    return "policies, traffic, deployments, and how to get the same bits again"


GISTS: dict[str, Callable[[RunDocuments], str]] = {
    "What happened": _weather,
    "What failed, and why": _failures,
    "What it costs": _cost,
    "What it costs, and whose": _cost,
    "How slow": _wait,
    "How good": _quality,
    "One request, explained": _requests,
    "Assumptions": _assumptions,
}
