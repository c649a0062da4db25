"""One request, explained: its sends and waits as a strip, drawn with nothing but boxes."""

from __future__ import annotations

import re
from typing import Any

from simroute.text import clean, pairs, percent, seconds, usd

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

DECIMAL = re.compile(r"[0-9]+\.[0-9]+")


def heading(one: dict[str, Any]) -> str:
    """Which request, under which policy, and why it is shown."""
    reasons = " and ".join(dict.fromkeys(REASONS[why] for _, why in sorted(one["why"])))
    return f"Request {one['request_id']} under {clean(one['policy'], 40)}: {reasons}"


def summary(one: dict[str, Any]) -> str:
    """What became of it, in a sentence."""
    where = f" by {clean(one['target'], 40)}" if one["target"] else ""
    cached = {"no": "", "exact": " from the cache", "semantic": " from the semantic cache"}[
        one["cached"]
    ]
    ended = {"ok": "answered", "failed": "failed", "rejected": "refused", "truncated": "cut short"}[
        one["outcome"]
    ]
    parts = [
        f"{ended}{where}{cached} after {seconds(one['latency_s'])}",
        f"billed {usd(one['cost_nano'] / 1e9)}",
    ]
    if one["wasted_nano"]:
        parts.append(f"of which {usd(one['wasted_nano'] / 1e9)} for nothing")
    if one["quality"] is not None and one["outcome"] == "ok":
        parts.append(_graded(one))
    asked = (
        f"{one['input_tokens']:,} tokens in, {one['output_tokens']:,} out, task "
        f"{clean(one['task'], 40)}"
    )
    said = ", ".join(parts)
    return f"{said[0].upper()}{said[1:]}. ({asked}; arrived at {one['arrival_s']:,.1f} s.)"


def _graded(one: dict[str, Any]) -> str:
    if one["false_hit"]:
        return "an answer to another question"
    return {0.0: "the answer was wrong", 1.0: "the answer was right"}.get(
        one["quality"], f"quality {percent(one['quality'])}"
    )


def steps(one: dict[str, Any]) -> list[dict[str, Any]]:
    """Sends and decisions in order of time: `at` and `end` (s from arrival), who, what; `kind` is
    ok, bad, late or event."""
    start = one["arrival_s"]
    found = [_send(sent, start) for sent in one["attempts"]]
    found += [
        {
            "at": event["t_s"] - start,
            "end": None,
            "who": clean(event["layer"], 40),
            "kind": "event",
            "what": _event(event),
            "cost": "",
        }
        for event in one["events"]
    ]
    return sorted(found, key=lambda step: (step["at"], step["end"] is not None))


def _send(sent: dict[str, Any], start: float) -> dict[str, Any]:
    status = sent["status"]
    kind = "late" if sent["abandoned"] else "ok" if status == 200 else "bad"
    what = "answered" if status == 200 else f"{status} {STATUS.get(status, 'failed')}"
    if sent["abandoned"]:
        what = f"given up after {seconds(sent['left_s'] - sent['start_s'])}"
        what += f", ran on to {seconds(sent['end_s'] - start)}" if sent["cost_nano"] else ""
    elif sent["retry_after_s"]:
        what += f", asks to wait {seconds(sent['retry_after_s'])}"
    return {
        "at": sent["start_s"] - start,
        "end": sent["left_s"] - start,
        "who": clean(sent["target"], 40) + (" (trial)" if sent["probe"] else ""),
        "kind": kind,
        "what": what,
        "cost": usd(sent["cost_nano"] / 1e9) if sent["cost_nano"] else "",
    }


def _event(event: dict[str, Any]) -> str:
    """A layer's decision in words."""
    where = clean(event["target"], 40) if event["target"] else ""
    parts = {key: clean(value, 40) for key, value in pairs(event["detail"] or "").items()}
    said = {
        key: f"{float(value):.3g}" if DECIMAL.fullmatch(value) else value
        for key, value in parts.items()
    }
    whose = said.pop("breaker", where)
    known = {
        "fell_back": f"fell back from {where} (status {said.get('status')}) to {said.get('to')}",
        "escalated": f"escalated to {where}",
        "degraded": f"kept the cheap answer: {where} was all there was",
        "retried": f"tried {where or 'it'} again (status {said.get('status')}) after a pause of "
        f"{said.get('wait')} s",
        "opened": f"breaker of {whose} opened",
        "half_opened": f"breaker of {whose} let a trial pass",
        "closed": f"breaker of {whose} closed",
    }
    other = " ".join(
        [
            event["event"].replace("_", " "),
            *([f"at {where}"] if where else []),
            *(f"{key} {value}" for key, value in said.items()),
        ]
    )
    return known.get(event["event"], other)
