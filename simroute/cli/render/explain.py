"""`run --explain ID`: one request's way through the layers as a tree, with times and costs."""

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
    from rich.text import Text
    from rich.tree import Tree

COLOURS = {"sends": "cyan", "good": "green", "bad": "red", "quiet": "dim"}
JUDGEMENTS = {
    True: ("accepted", "good"),
    False: ("not accepted", "bad"),
    None: ("given up", "quiet"),
}


def explain_request(configuration: Configuration, request_id: int, as_json: bool) -> Explanation:
    """The explanation of a request under the first policy. Raises InputError."""
    if as_json:
        raise InputError(
            "--explain prints a tree for people, --json the summary and nothing else: give one "
            "of them"
        )
    return explain(configuration, next(iter(configuration.policies)), request_id)


def show(explanation: Explanation) -> None:
    """Prints it; off a terminal no line is broken."""
    from rich.text import Text
    from rich.tree import Tree

    first, *more = _head(explanation)
    tree = Tree(Text(first, "bold"), guide_style="dim")
    _grow(tree, explanation.inside, float(explanation.request["arrival_s"]))
    out = console(1000)
    for line in ("", *more):
        out.print(Text(line), soft_wrap=True)
    out.print(tree)


def _head(explanation: Explanation) -> list[str]:
    """The text of the tree's root, then lines about the request."""
    row, policy = explanation.request, escaped(explanation.policy)
    streamed = row["streamed"]
    first_token = (
        f", first token {_seconds(row['ttft_s'])}"
        if streamed and not math.isnan(row["ttft_s"])
        else ""
    )
    error = f" ({escaped(row['error'])})" if row["error"] else ""
    target = f" from {escaped(row['target'])}" if row["target"] is not None else ""
    cached = f", {row['cached']} match in the cache" if row["cached"] != "no" else ""
    wasted = f", {_usd(row['wasted_usd'])} of it wasted" if row["wasted_nano"] else ""
    quality = "" if math.isnan(row["quality"]) else f", quality {row['quality']:.2f}"
    return [
        f"{policy}   0.000 to {row['latency_s']:.3f} s   {row['outcome']}",
        f"request {explanation.request_id} under {policy}, replication 0: arrived at "
        f"{row['arrival_s']:.3f} s (replica {row['replica']})",
        f"  task {escaped(row['task'])}, user {escaped(row['user'])}, feature "
        f"{escaped(row['feature'])}, {row['input_tokens']:,} tokens in, "
        f"{row['output_tokens']:,} out, {'streamed' if streamed else 'not streamed'}",
        f"  {row['outcome']}{error}{target}{cached} after {_seconds(row['latency_s'])}"
        f"{first_token}; {_usd(row['cost_usd'])}{wasted}{quality}",
        "  times in seconds since its arrival:",
    ]


def _grow(tree: Tree, inside: list[Any], arrival: float) -> None:
    """Adds what happened within a layer. `arrival`: of the request (s)."""
    for each in inside:
        if isinstance(each, LayerSpan):
            _grow(tree.add(_layer(each, arrival)), each.inside, arrival)
        elif isinstance(each, SendRecord):
            tree.add(_send(each, arrival))
        elif isinstance(each, Judgement):
            tree.add(_judgement(each, arrival))
        else:
            tree.add(_event(each, arrival))


def _layer(span: LayerSpan, arrival: float) -> Text:
    from rich.text import Text

    name = escaped(span.name if span.kind == span.name else f"{span.name} ({span.kind})")
    target = f" for {escaped(span.target)}" if span.target is not None else ""
    streaming = (
        "" if math.isnan(span.streaming) else f"   streaming from {span.streaming - arrival:.3f}"
    )
    return Text.assemble(
        (name, "bold"),
        f"{target}   {_period(span.began, span.ended, arrival)}   ",
        _outcome(span),
        streaming,
    )


def _outcome(span: LayerSpan) -> tuple[str, str]:
    """A layer's outcome and its colour."""
    outcome = span.outcome
    if outcome is None:
        return "given up", COLOURS["quiet"]
    text = str(outcome.status)
    text += f" {outcome.error}" if outcome.error else ""
    text += f" from {outcome.target}" if outcome.target is not None and not outcome.by else ""
    text += f", {outcome.cached} match" if outcome.cached != "no" else ""
    text += f", by {outcome.by}" if outcome.by else ""
    return escaped(text), COLOURS["good" if outcome.ok else "bad"]


def _send(send: SendRecord, arrival: float) -> Text:
    from rich.text import Text

    end = send.left if send.abandoned and not math.isnan(send.left) else send.ended
    if send.abandoned:
        later = f", ran on to {send.ended - arrival:.3f}" if send.ended > end else ""
        outcome = (f"abandoned{later}", COLOURS["quiet"])
    else:
        colour = COLOURS["good" if send.status == 200 else "bad"]
        outcome = (f"{send.status} {send.error}".strip(), colour)
    parts = [f"took {_seconds(send.ended - send.began)}"]
    if not math.isnan(send.first_token):
        parts.insert(0, f"first token after {_seconds(send.first_token)}")
    if send.usd:
        parts.append(f"{send.tokens[0]:,} tokens in, {send.tokens[1]:,} out")
    parts.append(_usd(send.usd))
    name = f"send {send.number} to {send.target}{' (trial)' if send.probe else ''}"
    return Text.assemble(
        (escaped(name), COLOURS["sends"]),
        f"   {_period(send.began, end, arrival)}   ",
        outcome,
        f"   {'; '.join(parts)}",
    )


def _judgement(judgement: Judgement, arrival: float) -> Text:
    from rich.text import Text

    text, colour = JUDGEMENTS[judgement.accepted]
    return Text.assemble(
        ("judge", COLOURS["sends"]),
        f"   {_period(judgement.began, judgement.ended, arrival)}   ",
        (text, COLOURS[colour]),
        f"   {_usd(judgement.usd)}",
    )


def _event(event: Event, arrival: float) -> Text:
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


def _period(began: float, ended: float, arrival: float) -> str:
    return f"{began - arrival:.3f} to {ended - arrival:.3f}"


def _seconds(value: float) -> str:
    return f"{value:.3f} s"


def _usd(value: float) -> str:
    """Dollars with as many digits as a single request needs."""
    return f"${value:.6f}" if value else "$0"
