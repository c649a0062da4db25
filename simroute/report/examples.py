"""Examples from slices of time: which a policy has, and how they are shown below the misses."""

from __future__ import annotations

from collections.abc import Iterator

from simroute.report.lanes import render_key, render_request
from simroute.report.picture import Json, RunDocuments
from simroute.text import clean
from simroute.units import duration


def render_examples(run: RunDocuments) -> tuple[str, list[str]]:
    """(HTML of the first example with buttons that step to the others, HTML of each example);
    without examples both are empty."""
    examples = list(_all(run))
    shown = [
        render_request(request, _heading(policy, request), run.evidence["slo"]["latency"])
        for policy, _, request in examples
    ]
    if not shown:
        return "", []
    failed = [key for key, (*_, request) in enumerate(examples) if request["outcome"] != "ok"]
    first = failed[0] if failed else 0
    buttons = "".join(
        f'<button type="button" data-step="{step}" hidden>{text}</button>'
        for step, text in ((-1, "◂ before"), (1, "next ▸"))
    )
    place = (
        f'<div id="example" data-first="{first}"><h3>One of these requests, for instance</h3>'
        f"<p class=small>From the first replication: of each slice the request that failed, else "
        f"that was sent most often, else the slowest. A click above shows one that "
        f"arrived then, or close to it. {buttons}</p>{render_key()}"
        f'<div class="shown" aria-live="polite">{shown[first]}</div></div>'
    )
    return place, shown


def example_keys(run: RunDocuments, policy: str) -> list[int | None]:
    """The number of the example of each slice of time: its own, else that of the nearest slice that
    has one."""
    own = {place: key for key, (whose, place, _) in enumerate(_all(run)) if whose == policy}
    return [
        own[min(own, key=lambda other: (abs(other - place), other))] if own else None
        for place in range(len(run.evidence_of(policy)["edges_s"]) - 1)
    ]


def _all(run: RunDocuments) -> Iterator[tuple[str, int, Json]]:
    """(policy, slice, request) of each example; evidence of earlier versions has none."""
    for policy in run.policies:
        for place, request in run.evidence_of(policy).get("examples", {}).items():
            yield policy, int(place), request


def _heading(policy: str, request: Json) -> str:
    arrived = duration(request["arrival_s"])
    return f"Request {request['request_id']} under {clean(policy, 40)}, which arrived at {arrived}"
