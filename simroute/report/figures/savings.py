"""What caches, and shifts of work to cheaper deployments, would save of a log's spend."""

from __future__ import annotations

from simroute.report.picture import Json, Listing, RunDocuments, Table
from simroute.text import clean
from simroute.units import percent, usd

UNKNOWN = "not known"
BEGINNINGS = "beginnings, at the provider"


def caching(run: RunDocuments) -> Listing:
    """What caches of equal prompts, of prompt beginnings and of similar prompts would save."""
    costs = run.summary["replay"]["caching"]
    rows = [*_exact(costs), *_prompt(costs["prompt"])]
    for row in costs["semantic"]:
        saves = (
            UNKNOWN if row["saves_usd"] is None else _saving(row["saves_usd"], costs["cost_usd"])
        )
        rows.append(
            [
                "similar prompts",
                f"assumed, if prompts were like {row['traffic']}, at cosine {row['cosine']:g}",
                f"{percent(row['hits'])} of requests",
                saves,
                f"{percent(row['false'])} of requests",
            ]
        )
    caption = _most(run, "cache") + (
        "Of the whole log. Repeats and prompt beginnings are counted in it. What similar prompts "
        "would save is an assumption: rates published "
        "for other traffic at fixed thresholds, with their wrong answers; measure your own "
        "before you rely on one."
    )
    heads = ["cache of", "how", "finds", "saves", "wrong answers"]
    return Listing("What would caches save?", caption, Table(heads, rows))


def _most(run: RunDocuments, kind: str) -> str:
    """The sentence on what saves most, before a caption; empty where there is none."""
    text = run.summary["replay"].get("pays_most", {}).get(kind)
    return f"{clean(text, 600)} " if text else ""


def _exact(costs: Json) -> list[list[str]]:
    exact, requests = costs["exact"], costs["requests"]
    if exact is None:
        how = "the log does not tell prompts apart"
        return [["equal prompts", how, UNKNOWN, UNKNOWN, "none"]]
    return [
        [
            "equal prompts",
            how,
            f"{percent(exact[count] / requests)} of requests",
            _saving(exact[cost], costs["cost_usd"]),
            "none",
        ]
        for how, count, cost in (
            ("kept for ever", "requests", "cost_usd"),
            ("kept for an hour", "within_hour", "within_hour_cost_usd"),
        )
    ]


def _prompt(prompt: Json) -> list[list[str]]:
    """What the provider's cache of prompts has read, and could have."""
    rows = []
    if prompt["cached_tokens"] is not None and prompt["input_tokens"]:
        share = percent(prompt["cached_tokens"] / prompt["input_tokens"])
        how, saved = "read already, as logged", usd(prompt["saved_usd"])
        rows.append([BEGINNINGS, how, f"{share} of input tokens", saved, "none"])
    for suffix, kept in (("", "kept for ever"), ("_5min", "kept for 5 minutes")):
        share = prompt[f"prefix_share{suffix}"]
        if share is not None:
            tokens = f"{percent(share)} of input tokens"
            saves = f"{usd(prompt[f'could_save{suffix}_usd'])} more"
            rows.append([BEGINNINGS, f"possible, {kept}", tokens, saves, "none"])
    how = "the log has neither cached tokens nor prompts"
    return rows or [[BEGINNINGS, how, UNKNOWN, UNKNOWN, "none"]]


def _saving(saves: float, total: float | None) -> str:
    return usd(saves) + (f" ({percent(saves / total)})" if total else "")


def shifts(run: RunDocuments) -> Listing | str:
    """Each kind of work at the price list of each cheaper deployment."""
    replay = run.summary["replay"]
    missing = [clean(text, 200) for text in replay.get("shifts_missing", ())]
    if not replay["shifts"]:
        return f"No shift of work to a cheaper deployment is known: {'; '.join(missing)}."
    rows = [_shift(row) for row in replay["shifts"]]
    omitted = replay["shifts_left_out"]
    caption = _most(run, "shift") + (
        "All successful requests of one kind of work (task, else feature) that one deployment "
        "answered, at the price list of another, for the "
        "same tokens. They are alternatives, so do not add them up. Quality is what the scenario "
        "says; a log does not know it."
        + (f" The {len(rows)} largest of {len(rows) + omitted}." if omitted else "")
        + "".join(f" Not in it: {text}." for text in missing)
    )
    heads = [
        "work",
        "from",
        "to",
        "requests",
        "costs",
        "would cost",
        "saves",
        "quality from",
        "quality to",
    ]
    title = "What would each shift to a cheaper deployment save?"
    return Listing(title, caption, Table(heads, rows))


def _shift(row: Json) -> list[str]:
    return [
        clean(row["work"], 40),
        clean(row["from"], 30),
        clean(row["to"], 30),
        f"{row['requests']:,}",
        usd(row["cost_usd"]),
        usd(row["would_cost_usd"]),
        usd(row["saves_usd"]),
        _quality(row["quality_from"]),
        _quality(row["quality_to"]),
    ]


def _quality(share: float | None) -> str:
    return UNKNOWN if share is None else percent(share)
