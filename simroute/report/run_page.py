"""The page of a run: the question, the answer, the evidence, the assumptions, in this order."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from simroute.report import answer, gists, lanes
from simroute.report.examples import render_examples
from simroute.report.figures import draw_pictures, replay, sections
from simroute.report.figures.weather import throttled_spells
from simroute.report.glance import render_glance
from simroute.report.html import (
    Section,
    answer_header,
    document,
    file_digests,
    folded,
    paragraphs,
    preformatted,
    render_exhibit,
    render_marked_table,
    render_table,
    small,
)
from simroute.report.picture import Exhibit, Json, Picture, RunDocuments, Table
from simroute.text import clean, joined
from simroute.units import duration

INTRO = {
    "What happened": "Each panel is one policy; all of them met the same requests and the same "
    "weather.",
    "How far to trust this": "A replay that cannot reproduce what was cannot say what would have "
    "been.",
}
OPENED = {"How far to trust this", "What happened"}
"""Sections that are open at first."""
MOST_WEATHER = 100
"""Outages that are listed."""


def render_page(summary: Json, evidence: Json) -> str:
    """The HTML of a run, from its summary.json and evidence.json."""
    run = RunDocuments(summary, evidence)
    exhibits = draw_pictures(run)
    rendered = {
        title: _section(run, title, {name: exhibits[name] for name in names})
        for title, names in sections(run).items()
    }
    example, examples = render_examples(run)
    rendered["What happened"] += example
    rendered |= {"One request, explained": _requests(run), "Assumptions": _assumptions(run)}
    folding = {
        title: Section(inner, gists.of_section(run, title), title in OPENED)
        for title, inner in rendered.items()
    }
    policies = ", ".join(clean(policy, 30) for policy in run.policies)
    charts = {
        name: exhibit.figure for name, exhibit in exhibits.items() if isinstance(exhibit, Picture)
    }
    title = f"{clean(summary['scenario'], 60)}: {policies}"
    return document(title, _answer(run), folding, charts, examples)


def render_answer(run: RunDocuments) -> str:
    """The answer's sentences and the table of policies, for a notebook."""
    table = render_marked_table(answer.policy_table(run))
    return f"<div>{paragraphs(answer.sentences(run))}{table}</div>"


def _answer(run: RunDocuments) -> str:
    summary = run.summary
    count = summary["replications"]
    basis = (
        f"{duration(summary['horizon_s'])} simulated, {count} replication{'s' if count > 1 else ''}"
        f", seed {summary['seed']}{_given_outages(run)}"
    )
    trust = replay.calibration_sentence(run)
    said = f'<p class="headline">{escape(answer.headline(run))}</p>'
    more = [*answer.year_sentences(summary), *([] if trust is None else [trust])]
    said += paragraphs(answer.basis(run) + more)
    tables = render_glance(run) + _further_tables(summary)
    figures = render_marked_table(answer.policy_table(run)) + (
        "<p class='small'><b class='best'>best</b> marks the best value of a column; "
        "<span class='tied'>≈</span> one that cannot be told from it at 95 %. "
        f"Brackets hold 95 % intervals over replications.{_month(summary)}</p>"
    )
    tables += folded("All figures with their intervals", figures)
    differences = answer.difference_table(run)
    if differences.rows and trust is None:  # a replay shows them beside its residuals
        first = clean(summary["differences"][0]["a"], 40)
        tables += folded(
            f"Differences to {first}, paired over the same weather", render_table(differences)
        )
    question = clean(run.evidence["question"], 600)
    return answer_header(clean(summary["scenario"], 60), question, said, basis, tables)


def _month(summary: Json) -> str:
    """What a month is; nothing where the run tells none."""
    month = summary.get("month")
    return "" if month is None else f" A month is {escape(month['words'])}."


def _further_tables(summary: Json) -> str:
    """Figures of a year, and of one steady run, where the run has them."""
    tables = {
        "In a year": answer.year_table(summary),
        "Within this run": answer.steady_state_table(summary),
    }
    return "".join(
        f"<h3>{title}</h3>{render_table(each[0])}{small(each[1])}"
        for title, each in tables.items()
        if each is not None
    )


def _given_outages(run: RunDocuments) -> str:
    outages = any(spell["kind"] == "outage" for spell in run.evidence["weather"])
    if not outages or not run.evidence.get("scheduled", not run.evidence["random_weather"]):
        return ""
    return (
        ". Outages are scheduled: the answer holds given these outages, it is no forecast of them"
    )


def _section(run: RunDocuments, title: str, exhibits: dict[str, Exhibit]) -> str:
    is_alone = title == "What happened" and len(run.policies) == 1
    intro = f"<p>{escape(INTRO[title])}</p>" if title in INTRO and not is_alone else ""
    weather = _weather(run) + _in_outages(run) if title == "What happened" else ""
    return intro + weather + "".join(render_exhibit(*each) for each in exhibits.items())


def _weather(run: RunDocuments) -> str:
    weather = run.evidence["weather"] + _throttling(run)
    if not weather and run.summary.get("replay") is not None:
        return (
            "<p>Nothing was laid over the log: what failed or was slow is what the log tells of "
            "its own deployments.</p>"
        )
    if not weather:
        return (
            "<p>The weather was fair: no outage, no crowd, no change of a price or a model, and "
            "hardly a call was answered 429.</p>"
        )
    rows = [
        [
            clean(spell["name"], 40),
            ", ".join(clean(target, 40) for target in spell["targets"]),
            _period(spell),
            clean(spell["what"], 200),
        ]
        for spell in weather[:MOST_WEATHER]
    ]
    table = render_table(Table(["what happened", "to", "when", "how"], rows))
    table += _omission(len(weather) - MOST_WEATHER)
    return table + small(_legend(weather))


LEGEND = (
    ("are shaded grey", {"outage": "outages"}),
    ("are shaded blue", {"crowd": "crowds"}),
    ("are shaded brown", {"throttling": "spells of 429s from a target"}),
    ("are dashed lines", {"price": "changes of price", "quality": "changes of quality"}),
    ("are dotted lines", {"restart": "restarts", "flush": "flushes"}),
)
"""How pictures over time show events, by their kind."""


def _legend(weather: list[Json]) -> str:
    """How these events look."""
    kinds = {spell["kind"] for spell in weather}
    parts = [
        f"{joined(names)} {look}"
        for look, words in LEGEND
        if (names := [words[kind] for kind in words if kind in kinds])
    ]
    if any("parts" in spell for spell in weather):
        parts[0] += ", as dark as they are deep"
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}."


def _in_outages(run: RunDocuments) -> str:
    """What policies did in outages, where there were any."""
    table = answer.outage_table(run)
    return "" if table is None else render_marked_table(table)


def _omission(count: int) -> str:
    return small(f"… and {count} more.") if count > 0 else ""


def _throttling(run: RunDocuments) -> list[Json]:
    """For each policy and target that throttled it: first and last time, and the total."""
    spells: dict[tuple[str, str], Json] = {}
    for policy in run.policies:
        for start, end, target in throttled_spells(run, policy):
            spell = spells.setdefault(
                (policy, target),
                {
                    "kind": "throttling",
                    "name": "429s",
                    "targets": [target],
                    "start_s": start,
                    "total_s": 0.0,
                },
            )
            spell |= {"end_s": end, "total_s": spell["total_s"] + end - start}
            spell["what"] = (
                f"under {policy} more than 5 % of calls were refused with 429, "
                f"{duration(spell['total_s'])} in all"
            )
    return list(spells.values())


def _period(spell: Json) -> str:
    start, end = duration(spell["start_s"]), duration(spell["end_s"])
    if "at_s" in spell:
        return f"first at {start}"
    return f"from {start}" if spell["start_s"] == spell["end_s"] else f"{start} to {end}"


def _requests(run: RunDocuments) -> str:
    exemplars = run.evidence["strange"]
    if not exemplars:
        return '<p class="left-out">No request stood out.</p>'
    intro = (
        "<p>The strangest requests of the first replication. A box is a send, as long as "
        "somebody waited for it; a tick is a layer's decision, or a bill.</p>"
    )
    promised = run.evidence["slo"]["latency"]
    return f"{intro}{lanes.render_key()}{lanes.render_requests(exemplars, promised)}"


def _assumptions(run: RunDocuments) -> str:
    evidence = run.evidence
    workload = [[clean(cell, 300) for cell in row] for row in evidence["workload"]]
    heads = list(evidence["deployments"][0])
    rows = [[clean(str(row[head]), 200) for head in heads] for row in evidence["deployments"]]
    return "".join(
        [
            "<p>What the answer rests on. Change any of it and run again.</p>",
            "<h3>Policies</h3>",
            *(_policy(run, policy) for policy in run.policies),
            "<h3>Workload</h3>",
            render_table(Table(["what", "how much"], workload)),
            "<h3>Deployments</h3>",
            render_table(Table(heads, rows)),
            _rerun(run.summary, evidence["config"].split("\n")),
        ]
    )


def _policy(run: RunDocuments, policy: str) -> str:
    formula = escape(clean(run.summary["policies"][policy]["formula"], 400))
    return (
        f"<article><h4>{escape(clean(policy, 40))}</h4><p>A call passes through "
        f"<code>{formula}</code>, from left to right, and back.</p>"
        f"{_layers(run.evidence_of(policy)['stance'])}</article>"
    )


def _rerun(summary: Json, configuration: Iterable[str]) -> str:
    """How to get the same bits again."""
    versions = (
        f"simroute {summary['simroute']}, seed {summary['seed']}, fingerprint of the machine's "
        f"arithmetic, on which the last bits depend, {summary['fingerprint']}"
    )
    return (
        "<h3>The same bits again</h3>"
        f"<p>Save the configuration below as <code>config.yaml</code> (it also lies beside this "
        f"report) and run</p><pre>simroute {escape(summary['command'])} --config config.yaml</pre>"
        f"<p>with {escape(versions)}.</p>{file_digests(summary['files'])}"
        f"{folded('The resolved configuration', preformatted(configuration))}"
    )


def _layers(stance: list[Json]) -> str:
    if not stance:
        return "<p>No layer: every call goes straight to the first deployment.</p>"
    heads = (
        "<tr><th scope=col>layer</th><th scope=col>what it does</th><th scope=col>settings "
        "(bold: not the default)</th></tr>"
    )
    return (
        f'<div class="wide" tabindex="0"><table><thead>{heads}</thead>'
        f"<tbody>{''.join(map(_layer, stance))}</tbody></table></div>"
    )


def _layer(layer: Json) -> str:
    kind = "" if layer["kind"] == layer["layer"] else f" ({clean(layer['kind'], 40)})"
    name = clean(layer["layer"], 40) + kind
    settings = ", ".join(
        f"{'<b>' if own else ''}{escape(key)} {escape(clean(value, 120))}{'</b>' if own else ''}"
        for key, value, own in layer["set"]
    )
    return (
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(clean(layer['words'], 400))}</td>"
        f"<td>{settings}</td></tr>"
    )
