"""What a log's traffic costs, and whose it is: before and after, what caches would save, and what
cheaper deployments would."""

from __future__ import annotations

from typing import Any

from simroute.report.picture import Listing, Picture, RunDocuments, Table, bars, filled, label
from simroute.text import clean, percent, usd

MOST, TOP = 12, 10
WHOSE = {
    "model": "Which models is it spent on, before and after?",
    "feature": "Which features spend it, before and after?",
    "user": "Which users spend it, before and after?",
    "team": "Which teams spend it, before and after?",
    "day": "On which days, before and after?",
}
LOG = "the log"


def by_model(run: RunDocuments) -> Picture | str:
    return _spend(run, "model")


def by_feature(run: RunDocuments) -> Picture | str:
    return _spend(run, "feature")


def by_user(run: RunDocuments) -> Picture | str:
    return _spend(run, "user")


def by_team(run: RunDocuments) -> Picture | str:
    return _spend(run, "team")


def by_day(run: RunDocuments) -> Picture | str:
    return _spend(run, "day")


def _spend(run: RunDocuments, kind: str) -> Picture | str:
    found = run.summary["replay"]["spend"].get(kind)
    if found is None:
        return f"Spend by {kind} is left out: the log names no {kind}s."
    columns = _columns(run, found)
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": label(name),
            "y": [label(word) for word in found["names"][:MOST]],
            "x": column[:MOST],
            "marker": filled("#9c9ca1" if name == LOG else run.style(name)["line"]["color"], place),
            "hovertemplate": "$%{x:,.2f}<extra>%{fullData.name}</extra>",
        }
        for place, (name, column) in enumerate(columns.items())
    ]
    rows = [
        [
            clean(word, 40),
            *(usd(column[place]) for column in columns.values()),
            *_changes(columns, place),
        ]
        for place, word in enumerate(found["names"])
    ]
    rows.append(
        [
            "all",
            *(usd(sum(column)) for column in columns.values()),
            *_changes({name: [sum(c)] for name, c in columns.items()}, 0),
        ]
    )
    shown = min(MOST, len(found["names"]))
    more = (
        f" The first {shown}; the table has {len(found['names'])}."
        if shown < len(found["names"])
        else ""
    )
    caption = (
        f"USD as the log bills it, and under each policy, mean over "
        f"replications.{_unlike(run)}{more}"
    )
    heads = [
        kind,
        *columns,
        *(f"{name}, less the log" for name in columns if name != LOG and LOG in columns),
    ]
    height = 130 + 14 * shown * (len(columns) + 1)
    return Picture(
        WHOSE[kind], caption, {"data": data, "layout": bars(height, "USD", "$")}, Table(heads, rows)
    )


def _columns(run: RunDocuments, found: dict[str, Any]) -> dict[str, list[float]]:
    before = {} if found["before"] is None else {LOG: found["before"]}
    return before | {policy: found["after"][policy] for policy in run.policies}


def _changes(columns: dict[str, list[float]], place: int) -> list[str]:
    """Of every policy, what it changes against the log."""
    if LOG not in columns:
        return []
    was = columns[LOG][place]
    return [_change(column[place] - was, was) for name, column in columns.items() if name != LOG]


def _change(less: float, was: float) -> str:
    sign = "+" if less > 0 else "-" if less < 0 else ""
    return f"{sign}{usd(abs(less))}" + (f" ({100 * less / was:+.1f} %)" if was else "")


def _unlike(run: RunDocuments) -> str:
    laid = run.summary["replay"]["laid_over"]
    return (
        f" The policies met other traffic than the log: "
        f"{', '.join(clean(text, 60) for text in laid)}."
        if laid
        else ""
    )


def drivers(run: RunDocuments) -> Listing | str:
    """The ten users and features that most of it goes to."""
    spend = run.summary["replay"]["spend"]
    rows = []
    for kind in ("feature", "user"):
        if kind not in spend:
            continue
        columns = _columns(run, spend[kind])
        base = next(iter(columns.values()))
        whole = sum(base)
        named = [place for place, word in enumerate(spend[kind]["names"]) if word != "(others)"]
        for place in sorted(named, key=lambda place: -base[place])[:TOP]:
            share = percent(base[place] / whole) if whole else "n/a"
            rows.append(
                [
                    f"{kind} {clean(spend[kind]['names'][place], 40)}",
                    share,
                    *(usd(column[place]) for column in columns.values()),
                ]
            )
    if not rows:
        return "The log names neither users nor features, so nobody can be said to drive the spend."
    columns = _columns(run, next(iter(spend.values())))
    caption = (
        f"The {TOP} features and the {TOP} users with most spend, and their share of all "
        f"of it, {'before' if LOG in columns else 'after'}."
    )
    return Listing("Who drives it?", caption, Table(["who", "of all spend", *columns], rows))


def caching(run: RunDocuments) -> Listing | str:
    """Exact, at the provider, and semantic."""
    found = run.summary["replay"]["caching"]
    rows = [*_exact(found), *_prompt(found["prompt"])]
    for row in found["semantic"]:
        saves = (
            "not known" if row["saves_usd"] is None else _of(row["saves_usd"], found["cost_usd"])
        )
        words = f"assumed, if prompts were like {row['traffic']}, at cosine {row['cosine']:g}"
        rows.append(
            [
                "similar prompts",
                words,
                f"{percent(row['hits'])} of requests",
                saves,
                f"{percent(row['false'])} of requests",
            ]
        )
    caption = (
        "Of the whole log. Repeats and prompt beginnings are counted in it. What similar prompts "
        "would save is an assumption: rates published "
        "for other traffic at fixed thresholds, with their wrong answers; measure your own "
        "before you rely on one."
    )
    return Listing(
        "What would caches save?",
        caption,
        Table(["cache of", "how", "finds", "saves", "wrong answers"], rows),
    )


def _exact(found: dict[str, Any]) -> list[list[str]]:
    exact, many = found["exact"], found["requests"]
    if exact is None:
        return [
            [
                "equal prompts",
                "the log does not tell prompts apart",
                "not known",
                "not known",
                "none",
            ]
        ]
    kept = (
        ("kept for ever", "requests", "cost_usd"),
        ("kept for an hour", "within_hour", "within_hour_cost_usd"),
    )
    return [
        [
            "equal prompts",
            words,
            f"{percent(exact[count] / many)} of requests",
            _of(exact[cost], found["cost_usd"]),
            "none",
        ]
        for words, count, cost in kept
    ]


def _prompt(found: dict[str, Any]) -> list[list[str]]:
    """What the provider's cache of prompts has read, and could have."""
    rows = []
    if found["cached_tokens"] is not None and found["input_tokens"]:
        share = percent(found["cached_tokens"] / found["input_tokens"])
        rows.append(
            [
                "beginnings, at the provider",
                "read already, as logged",
                f"{share} of input tokens",
                usd(found["saved_usd"]),
                "none",
            ]
        )
    for key, words in (("", "kept for ever"), ("_5min", "kept for 5 minutes")):
        share = found[f"prefix_share{key}"]
        if share is not None:
            saves = f"{usd(found[f'could_save{key}_usd'])} more"
            rows.append(
                [
                    "beginnings, at the provider",
                    f"possible, {words}",
                    f"{percent(share)} of input tokens",
                    saves,
                    "none",
                ]
            )
    return rows or [
        [
            "beginnings, at the provider",
            "the log has neither cached tokens nor prompts",
            "not known",
            "not known",
            "none",
        ]
    ]


def _of(saves: float, whole: float | None) -> str:
    return usd(saves) + (f" ({percent(saves / whole)})" if whole else "")


def shifts(run: RunDocuments) -> Listing | str:
    """Each kind of work at each cheaper deployment."""
    found = run.summary["replay"]
    if not found["shifts"]:
        return (
            f"No shift of work to a cheaper deployment is known: "
            f"{'; '.join(clean(text, 200) for text in found.get('shifts_missing', ()))}."
        )
    rows = [
        [
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
        for row in found["shifts"]
    ]
    left = found["shifts_left_out"]
    caption = (
        "All successful requests of one kind of work (task, else feature) that one deployment "
        "answered, at the price list of another, for the "
        "same tokens. They are alternatives, so do not add them up. Quality is what the scenario "
        "says; a log does not know it."
        + (f" The {len(rows)} largest of {len(rows) + left}." if left else "")
        + "".join(f" Not in it: {clean(text, 200)}." for text in found.get("shifts_missing", ()))
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
    return Listing(
        "What would each shift to a cheaper deployment save?", caption, Table(heads, rows)
    )


def _quality(share: float | None) -> str:
    return "not known" if share is None else percent(share)
