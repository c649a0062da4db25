"""The report: one self-contained page. The question, the answer, the evidence, the assumptions, in
this order."""

from __future__ import annotations

from html import escape
from typing import Any

from simroute.report import answer, timeline
from simroute.report.figures import draw_pictures, replay, sections
from simroute.report.figures.over_time import throttled
from simroute.report.html import _anchor, _html, _shown, _table
from simroute.report.picture import Exhibit, Picture, RunDocuments, Table
from simroute.text import clean, duration

INTRO = {
    "What happened": "Each panel is one policy; all of them met the same requests and the same "
    "weather.",
    "How far to trust this": "A replay that cannot reproduce what was cannot say what would have "
    "been.",
}


def render_page(summary: dict[str, Any], evidence: dict[str, Any]) -> str:
    """The HTML of a run, from its summary.json and evidence.json."""
    run = RunDocuments(summary, evidence)
    drawn = draw_pictures(run)
    shown = {
        title: _section(run, title, {name: drawn[name] for name in own})
        for title, own in sections(run).items()
    }
    shown |= {
        "One request, explained": _requests(run),
        "Assumptions": _assumptions(run),
    }
    title = (
        f"{clean(summary['scenario'], 60)}: "
        f"{', '.join(clean(policy, 30) for policy in run.policies)}"
    )
    charts = {
        name: picture.figure for name, picture in drawn.items() if isinstance(picture, Picture)
    }
    links = "".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in ("Answer", *shown))
    body = "".join(
        f'<section id="{_anchor(name)}"><h2>{escape(name)}</h2>{inner}</section>'
        for name, inner in shown.items()
    )
    return _html(title, f'<nav aria-label="Sections">{links}</nav>{_answer(run)}{body}', charts)


def render_answer(run: RunDocuments) -> str:
    """The answer alone, for a notebook: sentences and the table of policies."""
    said = "".join(f"<p>{escape(text)}</p>" for text in answer.sentences(run))
    return f"<div>{said}{_marked(*answer.rows(run))}</div>"


def _answer(run: RunDocuments) -> str:
    summary, evidence = run.summary, run.evidence
    heads, rows = answer.rows(run)
    many = summary["replications"]
    given = ", ".join(
        filter(
            None,
            (
                f"{duration(summary['horizon_s'])} simulated",
                f"{many} replication{'s' if many > 1 else ''}",
                f"seed {summary['seed']}",
            ),
        )
    )
    trust = replay.sentence(run)
    said = "".join(
        f"<p>{escape(text)}</p>"
        for text in ([] if trust is None else [trust]) + answer.sentences(run)
    )
    keys = [
        "<b class='best'>best</b> marks the best value of a column",
        "<span class='tied'>≈</span> one that cannot be told from it at 95 %",
    ]
    table = (
        _marked(heads, rows)
        + f"<p class='small'>{'; '.join(keys)}. Brackets hold 95 % intervals over replications.</p>"
    )
    apart = answer.differences(run)
    if apart[1] and trust is None:  # a replay's are told beside their residuals
        first = escape(clean(summary["differences"][0]["a"], 40))
        table += (
            f"<details><summary>Differences to {first}, paired over the same "
            f"weather</summary>{_table(Table(*apart))}</details>"
        )
    return (
        f'<header id="answer"><h1>{escape(clean(summary["scenario"], 60))}</h1><p '
        f'class="question">{escape(clean(evidence["question"], 600))}</p>'
        f'<div class="said">{said}</div><p '
        f'class="small">{escape(given)}{escape(_given(run))}</p>'
        f"{table}{_beyond(summary)}</header>"
    )


def _beyond(summary: dict[str, Any]) -> str:
    """A year, and what one run tells by itself, where they were asked for."""
    made = ""
    for found, caption in (
        (answer.year(summary), "In a year"),
        (answer.steady(summary), "Within this run"),
    ):
        if found is not None:
            table, note = found
            made += f"<h3>{caption}</h3>{_table(table)}<p class='small'>{escape(note)}</p>"
    return made


def _given(run: RunDocuments) -> str:
    scheduled = (
        any(one["kind"] == "outage" for one in run.evidence["weather"])
        and not run.evidence["random_weather"]
    )
    return (
        ". Outages are scheduled: the answer holds given these outages, it is no forecast of them"
        if scheduled
        else ""
    )


def _section(run: RunDocuments, title: str, drawn: dict[str, Exhibit]) -> str:
    parts = [f"<p>{escape(INTRO[title])}</p>" if title in INTRO else ""]
    if title == "What happened":
        parts.append(_weather(run))
    parts += [_shown(name, found) for name, found in drawn.items()]
    return "".join(parts)


def _weather(run: RunDocuments) -> str:
    weather = run.evidence["weather"] + _throttled(run)
    if not weather:
        return (
            "<p>The weather was fair: no outage, no price step, and hardly a call was "
            "answered 429.</p>"
        )
    rows = [
        [
            clean(one["name"], 40),
            ", ".join(clean(target, 40) for target in one["targets"]),
            _when(one),
            clean(one["what"], 200),
        ]
        for one in weather[:100]
    ]
    more = f"<p class='small'>… and {len(weather) - 100} more.</p>" if len(weather) > 100 else ""
    shaded = (
        "<p class='small'>Outages are shaded grey, spells of 429s from a target orange, "
        "price steps are dashed lines.</p>"
    )
    return _table(Table(["what happened", "to", "when", "how"], rows)) + more + shaded


def _throttled(run: RunDocuments) -> list[dict[str, Any]]:
    """For each policy and target that throttled it, from when to when, and how long in all."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for policy in run.policies:
        for start, end, target in throttled(run, policy):
            one = found.setdefault(
                (policy, target),
                {
                    "kind": "throttling",
                    "name": "429s",
                    "targets": [target],
                    "start_s": start,
                    "all": 0.0,
                },
            )
            one |= {"end_s": end, "all": one["all"] + end - start}
            one["what"] = (
                f"under {policy} more than 5 % of calls were refused with 429, "
                f"{duration(one['all'])} in all"
            )
    return list(found.values())


def _when(one: dict[str, Any]) -> str:
    start, end = duration(one["start_s"]), duration(one["end_s"])
    return f"from {start}" if one["kind"] == "price" else f"{start} to {end}"


def _requests(run: RunDocuments) -> str:
    strange = run.evidence["strange"]
    if not strange:
        return '<p class="left-out">No request stood out.</p>'
    first = (
        "<p>The strangest requests of the first replication. A box is a send, as long as "
        "somebody waited for it; a tick is a layer's decision.</p>"
    )
    kinds = {"ok": "answered", "bad": "failed", "late": "given up", "event": "a layer decided"}
    key = "".join(f"<span><i class='{kind}'></i>{text}</span>" for kind, text in kinds.items())
    return first + f'<p class="key">{key}</p>' + "".join(_request(one) for one in strange)


def _request(one: dict[str, Any]) -> str:
    steps = timeline.steps(one)
    far = max([one["latency_s"], *(step["end"] or step["at"] for step in steps)]) or 1.0
    lanes = "".join(_lane(step, far) for step in steps[:40])
    scale = (
        f'<div class="lane scale"><span></span><div><b>0 '
        f"s</b><b>{escape(duration(far / 2))}</b><b>{escape(duration(far))}</b></div></div>"
    )
    rows = [[f"{step['at']:.2f} s", step["who"], step["what"], step["cost"]] for step in steps]
    more = f"<p class='small'>… and {len(rows) - 200} more.</p>" if len(rows) > 200 else ""
    none = "<p>Nothing was sent, and no layer told of a decision.</p>"
    table = _table(Table(["after", "who", "what happened", "billed"], rows[:200])) if rows else none
    drawn = (
        f'<div class="strip" role="img" aria-label="Sends over time; the list below has the '
        f'figures.">{lanes}{scale}</div>'
        if lanes
        else ""
    )
    words = f"<h3>{escape(timeline.heading(one))}</h3><p>{escape(timeline.summary(one))}</p>"
    return (
        f"<article>{words}{drawn}<details><summary>Step by "
        f"step</summary>{table}{more}</details></article>"
    )


def _lane(step: dict[str, Any], far: float) -> str:
    """A send as a box as long as somebody waited for it; a decision as a tick with its words beside
    it."""
    left = 100 * max(0.0, step["at"]) / far
    if step["end"] is not None:
        place = f"left:{left:.3f}%;width:{100 * (step['end'] - step['at']) / far:.3f}%"
        mark = f'<i class="{step["kind"]}" style="{place}" title="{escape(step["what"])}"></i>'
    else:
        side = (
            f"left:calc({left:.3f}% + 8px)" if left < 55 else f"right:calc({100 - left:.3f}% + 8px)"
        )
        mark = (
            f'<i class="event" style="left:{left:.3f}%"></i><em '
            f'style="{side}">{escape(step["what"])}</em>'
        )
    return f'<div class="lane"><span>{escape(step["who"])}</span><div>{mark}</div></div>'


def _assumptions(run: RunDocuments) -> str:
    summary, evidence = run.summary, run.evidence
    parts = [
        "<p>What the answer rests on. Change any of it and run again.</p>",
        "<h3>Policies</h3>",
    ]
    for policy in run.policies:
        formula = escape(clean(summary["policies"][policy]["formula"], 400))
        parts.append(
            f"<article><h4>{escape(clean(policy, 40))}</h4><p>A call passes through "
            f"<code>{formula}</code>, from left to right, and back.</p>"
        )
        parts.append(_layers(evidence["policies"][policy]["stance"]) + "</article>")
    heads = list(evidence["deployments"][0])
    rows = [[clean(str(row[head]), 80) for head in heads] for row in evidence["deployments"]]
    workload = [[clean(cell, 300) for cell in row] for row in evidence["workload"]]
    parts += [
        "<h3>Workload</h3>",
        _table(Table(["what", "how much"], workload)),
        "<h3>Deployments</h3>",
        _table(Table(heads, rows)),
    ]
    files = "".join(
        f"<li><code>{escape(clean(name, 80))}</code> SHA-256 {escape(digest)}</li>"
        for name, digest in summary["files"].items()
    )
    command = f"simroute {summary['command']} --config config.yaml"
    versions = (
        f"simroute {summary['simroute']}, seed {summary['seed']}, numeric fingerprint "
        f"{summary['fingerprint']}"
    )
    parts += [
        "<h3>The same bits again</h3>",
        f"<p>Save the configuration below as <code>config.yaml</code> (it also lies beside this "
        f"report) and run</p><pre>{escape(command)}</pre>",
        f"<p>with {escape(versions)}.</p>",
        f"<ul>{files}</ul>" if files else "",
        f"<details><summary>The resolved "
        f"configuration</summary><pre>{escape(_lines(evidence['config']))}</pre></details>",
    ]
    return "".join(parts)


def _lines(text: str) -> str:
    return "\n".join(clean(line, 2000) for line in text.split("\n"))


def _layers(stance: list[dict[str, Any]]) -> str:
    if not stance:
        return "<p>No layer: every call goes straight to the first deployment.</p>"
    rows = []
    for layer in stance:
        name = clean(layer["layer"], 40) + (
            "" if layer["kind"] == layer["layer"] else f" ({clean(layer['kind'], 40)})"
        )
        parts = [
            f"{'<b>' if own else ''}{escape(key)} "
            f"{escape(clean(value, 120))}{'</b>' if own else ''}"
            for key, value, own in layer["set"]
        ]
        rows.append(
            f"<tr><th scope=row>{escape(name)}</th><td>{escape(clean(layer['words'], 400))}</td>"
            f"<td>{', '.join(parts)}</td></tr>"
        )
    heads = (
        "<tr><th scope=col>layer</th><th scope=col>what it does</th><th scope=col>settings "
        "(bold: not the default)</th></tr>"
    )
    return (
        f'<div class="wide" '
        f'tabindex="0"><table><thead>{heads}</thead><tbody>{"".join(rows)}</tbody></table></div>'
    )


def _marked(heads: list[str], rows: list[list[answer.Cell]]) -> str:
    def shown(cell: answer.Cell) -> str:
        tail = {
            "tied": " <span class='tied' title='cannot be told from the best'>≈</span>",
            "best": " <b class='best'>best</b>",
        }.get(cell.mark, "")
        mean, bracket, bounds = cell.text.partition(" (")
        interval = (
            f"<br><small>({escape(bounds)}</small>"
            if bracket and " to " in bounds
            else escape(bracket + bounds)
        )
        return f'<td class="{cell.mark}">{escape(mean)}{tail}{interval}</td>'

    body = "".join(
        f"<tr><th scope=row>{escape(row[0].text)}</th>{''.join(map(shown, row[1:]))}</tr>"
        for row in rows
    )
    top = "".join(f"<th scope=col>{escape(head)}</th>" for head in heads)
    return (
        f'<div class="wide" tabindex="0"><table '
        f'class="verdict"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )
