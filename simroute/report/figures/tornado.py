"""Which assumption moves the difference between the best two policies, from sensitivity.json."""

from __future__ import annotations

from simroute.report.colors import GREY, KINDS
from simroute.report.figures.sensitivity import COST, SUCCESS, describe_winner
from simroute.report.picture import Json, Picture, Table, label, note
from simroute.units import difference_span, short_key

MOST_BARS = 24
ENDS = (
    ("low", "halved, or its low end", KINDS[0], ""),
    ("high", "doubled, or its high end", KINDS[4], "/"),
)
"""End of an assumption, its name, and the look of its bars."""
LEAST = 0.02
"""Of the largest effect: an assumption that moves the difference by less has no bar to be seen."""
ROW, LINE, LONG = 40, 15, 40
"""Pixels of a row and of a line of text; characters of a name beyond which its values stand on a
line of their own."""


def tornado(summary: Json) -> Picture:
    """The effect of each assumption on the difference between the best two policies."""
    base = summary["base"]
    in_usd = base["metric"] == COST
    bars, rest = _visible(summary)
    names = [_name(each) for each in bars]
    row = ROW + LINE * any("<br>" in name for name in names)
    first, second = (label(policy, 22) for policy in base["pair"])
    what = "USD for 1,000 requests" if in_usd else f"{SUCCESS[base['metric']]}, points"
    scale = 1.0 if in_usd else 100.0
    middle = scale * (lead(base["difference"], base["metric"])["mean"] or 0.0)
    layout = {
        "height": 170 + row * len(bars),
        "barmode": "overlay",
        "xaxis": {
            "title": {"text": f"lead of {first} over {second}:<br>{what}"},
            "tickformat": "$,.4~f" if in_usd else "",
            "nticks": 5,
        },
        "yaxis": {
            "range": [len(bars) - 0.6, -1.0],
            "showticklabels": False,
            "showgrid": False,
            "ticks": "",
        },
        "shapes": [_assumed(middle, place) for place in range(len(bars))],
        "annotations": [
            note(name, 0, place - 0.2, xref="paper", xanchor="left", yanchor="bottom", align="left")
            for place, name in enumerate(names)
        ],
    }
    caption = (
        "Each assumption is changed alone, in the same weather; bars run from the lead as assumed "
        "(dotted) to what it becomes, below 0 where the other is ahead. ⚑: another policy wins on "
        "one of its sides; ?: these replications leave it open whether one does. Of a price the "
        "list is a factor; of a quality the wrong answers are halved and doubled."
        f"{_folded(rest, scale, base, 'USD' if in_usd else 'points')}"
    )
    table = _tornado_table(summary["assumptions"], base["metric"])
    data = _effect_bars(bars, base["metric"], scale, middle)
    return Picture("Which assumption matters?", caption, data, layout, table)


def is_open(assumption: Json) -> bool:
    """Whether another policy may win at an end of an assumption, and none certainly does."""
    return not assumption["flips"] and not all(
        assumption[end]["winner"]["sure"] for end, *_ in ENDS
    )


def unkept_ends(assumption: Json) -> list[str]:
    """The ends at which no policy surely keeps the promise."""
    return [end for end, *_ in ENDS if assumption[end]["winner"]["by"] == "success"]


def lead(difference: Json, metric: str) -> Json:
    """How far the first of the pair is ahead, from the second's figure minus the first's: of a cost
    the same, of success its opposite."""
    return difference if metric == COST else mirrored(difference)


def mirrored(interval: Json) -> Json:
    """An interval with the other sign."""
    ends = {"mean": "mean", "low": "high", "high": "low"}
    return {
        name: None if interval[end] is None else 0.0 - interval[end] for name, end in ends.items()
    }


def _visible(summary: Json) -> tuple[list[Json], list[Json]]:
    """The assumptions that have a bar to be seen, and those that have none."""
    assumptions, base = summary["assumptions"], summary["base"]
    is_sure = base["winner"]["sure"]
    largest = max((move(each, base) for each in assumptions), default=0.0)
    bars = [
        each
        for each in assumptions
        if each["flips"] or (is_sure and is_open(each)) or move(each, base) > LEAST * largest
    ][:MOST_BARS] or assumptions[:1]
    return bars, [each for each in assumptions if each not in bars]


def move(assumption: Json, base: Json) -> float:
    """By how much an assumption moves the difference, at most."""
    middle = base["difference"]["mean"] or 0.0
    moves = (
        abs((assumption[end]["difference"]["mean"] or 0.0) - middle) for end in ("low", "high")
    )
    return float(max(moves))


def _folded(rest: list[Json], scale: float, base: Json, unit: str) -> str:
    """A sentence about the assumptions without a bar."""
    if not rest:
        return ""
    most = scale * max(move(each, base) for each in rest)
    count = f"{len(rest)} assumption{'s change' if len(rest) > 1 else ' changes'}"
    if most == 0:
        return f" {count} nothing: the table names them."
    return f" {count} next to nothing, at most {most:.2g} {unit}: the table names them."


def _name(assumption: Json) -> str:
    """The key with the values that were tried, on two lines where it is long."""
    key = label(short_key(assumption["key"]), 60)
    low, high = (f"{assumption[end]['value']:.3g}" for end in ("low", "high"))
    flag = " ⚑" if assumption["flips"] else " ?" if is_open(assumption) else ""
    return f"{key}{'<br>' if len(key) > LONG else ', '}{low} to {high}{flag}"


def _assumed(middle: float, place: int) -> Json:
    """A dotted line at the lead as assumed, across the bar of a row."""
    ends = {"x0": middle, "x1": middle, "y0": place - 0.25, "y1": place + 0.25}
    return {"type": "line", **ends, "line": {"dash": "dot", "width": 2, "color": GREY}}


def _effect_bars(bars: list[Json], metric: str, scale: float, middle: float) -> list[Json]:
    """Bars from the lead as assumed to that at each end of the assumption."""
    return [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": list(range(len(bars))),
            "width": 0.36,
            "base": middle,
            "x": [
                scale * (lead(each[end]["difference"], metric)["mean"] or 0.0) - middle
                for each in bars
            ],
            "marker": {"color": color, "pattern": {"shape": shape}},
            "customdata": [
                [label(short_key(each["key"]), 60), f"{each[end]['value']:.4g}"] for each in bars
            ],
            "hovertemplate": "%{customdata[1]}<extra>%{customdata[0]}</extra>",
        }
        for end, name, color, shape in ENDS
    ]


def _tornado_table(assumptions: list[Json], metric: str) -> Table:
    heads = [
        "assumption",
        "as assumed",
        "low",
        "lead then",
        "high",
        "lead then",
        "another wins",
        "nobody surely keeps the promise",
    ]
    unit = "USD" if metric == COST else "share"
    rows = [
        [
            short_key(each["key"]),
            f"{each['value']:.4g}",
            *(
                text
                for end, *_ in ENDS
                for text in (
                    f"{each[end]['value']:.4g}",
                    difference_span(**lead(each[end]["difference"], metric), unit=unit),
                )
            ),
            _winners_at_ends(each),
            ", ".join(f"at {each[end]['value']:.4g}" for end in unkept_ends(each)),
        ]
        for each in assumptions
    ]
    return Table(heads, rows)


def _winners_at_ends(assumption: Json) -> str:
    if not assumption["flips"] and not is_open(assumption):
        return "no"
    winners = ", ".join(
        f"{describe_winner(assumption[end]['winner'])} at {assumption[end]['value']:.4g}"
        for end, *_ in ENDS
    )
    return winners if assumption["flips"] else f"open: {winners}"
