"""`run --explain ID`: one request's way through the layers, as a tree with times and costs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from simroute.cli.terminal import console, escaped
from simroute.config.configuration import Configuration
from simroute.errors import InputError
from simroute.experiment.explain import (
    Event,
    Explanation,
    Judgement,
    LayerSpan,
    SendRecord,
    explain,
)

if TYPE_CHECKING:
    from rich.tree import Tree

COLOURS = {"sends": "cyan", "good": "green", "bad": "red", "quiet": "dim"}


def explain_request(configuration: Configuration, request_id: int, as_json: bool) -> Explanation:
    """The explanation of a request under the first policy. Raises InputError."""
    if as_json:
        raise InputError(
            "--explain prints a tree for people, --json the summary and nothing else: give one "
            "of them"
        )
    return explain(configuration, next(iter(configuration.policies)), request_id)


def show(story: Explanation) -> None:
    """Print it; off a terminal no line is broken."""
    from rich.text import Text
    from rich.tree import Tree

    arrival, first, *more = float(story.request["arrival_s"]), *_head(story)
    tree = Tree(Text(first, "bold"), guide_style="dim")
    _grow(tree, story.inside, arrival)
    out = console(1000)
    for line in ("", *more):
        out.print(Text(line), soft_wrap=True)
    out.print(tree)


def _head(story: Explanation) -> list[str]:
    """What the root of the tree says, then lines about the request."""
    row, name = story.request, escaped(story.policy)
    served = f" from {escaped(row['target'])}" if row["target"] is not None else ""
    served += f", {row['cached']} match in the cache" if row["cached"] != "no" else ""
    wrong = f" ({escaped(row['error'])})" if row["error"] else ""
    first = (
        f", first token {_seconds(row['ttft_s'])}"
        if row["streamed"] and not math.isnan(row["ttft_s"])
        else ""
    )
    wasted = f", {_usd(row['wasted_usd'])} of it wasted" if row["wasted_nano"] else ""
    quality = "" if math.isnan(row["quality"]) else f", quality {row['quality']:.2f}"
    kind = "streamed" if row["streamed"] else "not streamed"
    return [
        f"{name}   0.000 to {row['latency_s']:.3f} s   {row['outcome']}",
        f"request {story.request_id} under {name}, replication 0: arrived at "
        f"{row['arrival_s']:.3f} s (replica {row['replica']})",
        f"  task {escaped(row['task'])}, user {escaped(row['user'])}, feature "
        f"{escaped(row['feature'])}, {row['input_tokens']:,} tokens in, "
        f"{row['output_tokens']:,} out, {kind}",
        f"  {row['outcome']}{wrong}{served} after {_seconds(row['latency_s'])}{first}; "
        f"{_usd(row['cost_usd'])}{wasted}{quality}",
        "  times in seconds since its arrival:",
    ]


def _grow(tree: Tree, inside: list[Any], arrival: float) -> None:
    for each in inside:
        if isinstance(each, LayerSpan):
            _grow(tree.add(_span(each, arrival)), each.inside, arrival)
        elif isinstance(each, SendRecord):
            tree.add(_sent(each, arrival))
        elif isinstance(each, Judgement):
            tree.add(_verdict(each, arrival))
        else:
            tree.add(_happened(each, arrival))


def _span(span: LayerSpan, arrival: float) -> Any:
    from rich.text import Text

    name = escaped(span.name if span.kind == span.name else f"{span.name} ({span.kind})")
    aimed = f" for {escaped(span.target)}" if span.target is not None else ""
    streaming = (
        "" if math.isnan(span.streaming) else f"   streaming from {span.streaming - arrival:.3f}"
    )
    return Text.assemble(
        (name, "bold"),
        f"{aimed}   {_span_of(span.began, span.ended, arrival)}   ",
        _ending(span),
        streaming,
    )


def _ending(span: LayerSpan) -> tuple[str, str]:
    outcome = span.outcome
    if outcome is None:
        return "given up", COLOURS["quiet"]
    text = str(outcome.status) + (f" {outcome.error}" if outcome.error else "")
    text += f" from {outcome.target}" if outcome.target is not None and not outcome.by else ""
    text += f", {outcome.cached} match" if outcome.cached != "no" else ""
    return escaped(text + (f", by {outcome.by}" if outcome.by else "")), COLOURS[
        "good" if outcome.ok else "bad"
    ]


def _sent(sent: SendRecord, arrival: float) -> Any:
    from rich.text import Text

    until = sent.left if sent.abandoned and not math.isnan(sent.left) else sent.ended
    ending = (
        f"{sent.status} {sent.error}".strip(),
        COLOURS["good" if sent.status == 200 else "bad"],
    )
    parts = (
        [] if math.isnan(sent.first_token) else [f"first token after {_seconds(sent.first_token)}"]
    )
    tokens = f"{sent.tokens[0]:,} tokens in, {sent.tokens[1]:,} out"
    parts += [
        f"took {_seconds(sent.ended - sent.began)}",
        *([tokens] if sent.usd else []),
        _usd(sent.usd),
    ]
    if sent.abandoned:
        ran = f", ran on to {sent.ended - arrival:.3f}" if sent.ended > until else ""
        ending = (f"abandoned{ran}", COLOURS["quiet"])
    head = f"send {sent.number} to {sent.target}" + (" (trial)" if sent.probe else "")
    return Text.assemble(
        (escaped(head), COLOURS["sends"]),
        f"   {_span_of(sent.began, until, arrival)}   ",
        ending,
        f"   {'; '.join(parts)}",
    )


def _verdict(verdict: Judgement, arrival: float) -> Any:
    from rich.text import Text

    said, colour = {
        True: ("accepted", "good"),
        False: ("not accepted", "bad"),
        None: ("given up", "quiet"),
    }[verdict.accepted]
    time = _span_of(verdict.began, verdict.ended, arrival)
    return Text.assemble(
        ("judge", COLOURS["sends"]),
        f"   {time}   ",
        (said, COLOURS[colour]),
        f"   {_usd(verdict.usd)}",
    )


def _happened(event: Event, arrival: float) -> Any:
    from rich.text import Text

    detail = {"target": event.target} | event.detail if event.target is not None else event.detail
    words = " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in detail.items()
    )
    return Text.assemble(
        (f"{event.at - arrival:.3f}   ", COLOURS["quiet"]),
        (escaped(event.event), "yellow"),
        f"   {escaped(words)}".rstrip(),
    )


def _span_of(began: float, ended: float, arrival: float) -> str:
    return f"{began - arrival:.3f} to {ended - arrival:.3f}"


def _seconds(value: float) -> str:
    return f"{value:.3f} s"


def _usd(value: float) -> str:
    """As many digits as a single request needs."""
    return f"${value:.6f}" if value else "$0"
