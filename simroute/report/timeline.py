"""One request in words: its sends and the decisions of layers, in the order of time."""

from __future__ import annotations

import re

from simroute.report.picture import Json
from simroute.text import clean, pairs
from simroute.units import percent, seconds, usd

REASONS = {
    "slowest": "among the slowest",
    "dearest": "among the dearest",
    "most attempts": "among those sent most often",
    "false hit": "a false cache hit",
}
STATUS = {
    408: "timed out",
    429: "rate limited",
    499: "given up",
    500: "error",
    502: "broke off",
    503: "unavailable",
    504: "hung",
    529: "overloaded",
}
SAID = {
    "hang": "hung",
    "truncated": "broke off",
    "stalled": "stopped in the middle",
    "overloaded": "queue full",
    "given up": "given up",
}
"""Cause of a failed send -> what is said of it beside its status."""
CACHED = {
    "no": "",
    "exact": " from the cache",
    "semantic": " from the semantic cache",
    "stale": " from the cache, too old",
    "static": " by a fixed text",
}
OUTCOMES = {
    "ok": "answered",
    "failed": "failed",
    "rejected": "refused",
    "truncated": "cut short",
    "abandoned": "given up by its caller",
}
DECIMAL = re.compile(r"[0-9]+\.[0-9]+")


def heading(request: Json) -> str:
    """Which request, under which policy, and why it is shown."""
    reasons = " and ".join(dict.fromkeys(REASONS[why] for _, why in sorted(request["why"])))
    return f"Request {request['request_id']} under {clean(request['policy'], 40)}: {reasons}"


def summary(request: Json) -> str:
    """Outcome, latency, cost and quality in a sentence."""
    target = f" by {clean(request['target'], 40)}" if request["target"] else ""
    cause = f" ({clean(request['cause'], 60)})" if request.get("cause") else ""
    parts = [
        f"{OUTCOMES[request['outcome']]}{target}{CACHED[request['cached']]}{cause} after "
        f"{seconds(request['latency_s'])}",
        f"billed {usd(request['cost_nano'] / 1e9)}",
    ]
    if request["wasted_nano"]:
        parts.append(f"of which {usd(request['wasted_nano'] / 1e9)} for nothing")
    if request["quality"] is not None and request["outcome"] == "ok":
        parts.append(_quality(request))
    text = ", ".join(parts)
    return (
        f"{text[0].upper()}{text[1:]}. ({request['input_tokens']:,} tokens in, "
        f"{request['output_tokens']:,} out, task {clean(request['task'], 40)}; arrived at "
        f"{request['arrival_s']:,.1f} s.)"
    )


def _quality(request: Json) -> str:
    if request["false_hit"]:
        return "an answer to another question"
    quality = request["quality"]
    return {0.0: "the answer was wrong", 1.0: "the answer was right"}.get(
        quality, f"quality {percent(quality)}"
    )


def steps(request: Json) -> list[Json]:
    """Sends and decisions in order of time: `at` and `end` (s from arrival; a decision has no end),
    `who`, `what`, `cost`, and `kind`: ok, bad, late or event."""
    start = request["arrival_s"]
    sends = [_send(send, start) for send in request["attempts"]]
    decisions = [
        {
            "at": event["t_s"] - start,
            "end": None,
            "who": clean(event["layer"], 40),
            "kind": "event",
            "what": _decision(event),
            "cost": "",
        }
        for event in request["events"]
    ]
    return sorted(sends + decisions, key=lambda step: (step["at"], step["end"] is not None))


def _send(send: Json, start: float) -> Json:
    status = send["status"]
    kind = "late" if send["abandoned"] else "ok" if status == 200 else "bad"
    what = "answered" if status == 200 else f"{status} {_failure(send)}"
    if send["abandoned"]:
        what = f"given up after {seconds(send['left_s'] - send['start_s'])}"
        what += f", ran on to {seconds(send['end_s'] - start)}" if send["cost_nano"] else ""
    elif send["retry_after_s"]:
        what += f", asks to wait {seconds(send['retry_after_s'])}"
    return {
        "at": send["start_s"] - start,
        "end": send["left_s"] - start,
        "who": clean(send["target"], 40) + (" (trial)" if send["probe"] else ""),
        "kind": kind,
        "what": what,
        "cost": usd(send["cost_nano"] / 1e9) if send["cost_nano"] else "",
    }


def _failure(send: Json) -> str:
    """Why a send failed: what its cause says beyond the status, else what the status means."""
    cause = send.get("cause") or ""
    if cause in SAID:
        return SAID[cause]
    plain = not cause or cause.startswith(("provider ", "rate limited", "timed out"))
    return STATUS.get(send["status"], "failed") if plain else clean(cause, 60)


def _decision(event: Json) -> str:
    """A layer's decision in words."""
    target = clean(event["target"], 40) if event["target"] else ""
    detail = {key: clean(value, 40) for key, value in pairs(event["detail"] or "").items()}
    detail = {
        key: f"{float(value):.3g}" if DECIMAL.fullmatch(value) else value
        for key, value in detail.items()
    }
    breaker = detail.pop("breaker", target)
    texts = {
        "fell_back": f"fell back from {target} (status {detail.get('status')}) to "
        f"{detail.get('to')}",
        "escalated": f"escalated to {target}",
        "degraded": f"kept the cheap answer: {target} was all there was",
        "retried": f"tried {target or 'it'} again (status {detail.get('status')}) after a pause of "
        f"{detail.get('wait')} s",
        "opened": f"breaker of {breaker} opened",
        "half_opened": f"breaker of {breaker} let a trial pass",
        "closed": f"breaker of {breaker} closed",
        "exceeded": f"breaker of {breaker} would have opened",
    }
    if event["event"] in texts:
        return texts[event["event"]]
    place = [f"at {target}"] if target else []
    values = [f"{key} {value}" for key, value in detail.items()]
    return " ".join([event["event"].replace("_", " "), *place, *values])
