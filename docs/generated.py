"""Pages of the reference, from what is registered: they say what the program does, since they are
made from it at build time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from simroute.cli import COMMANDS, cli
from simroute.config import reference
from simroute.config.loading import load
from simroute.config.reference import Parameter
from simroute.metrics import METRICS
from simroute.metrics.definitions import DEFINITIONS
from simroute.traces.columns import COLUMNS, VERSION
from simroute.traces.formats import all_formats

ROOT = Path(__file__).parent.parent
UNITS = {"share": "share, 0 to 1", "s": "seconds", "USD": "USD", "": "number"}


def pages() -> dict[str, str]:
    """Path in the documentation -> Markdown."""
    made = {
        "layers": layers,
        "scenario": scenario,
        "commands": commands,
        "metrics": metrics,
        "traces": traces,
    }
    return {f"reference/{name}.md": page() for name, page in made.items()} | {
        "scenarios/index.md": scenarios()
    }


def scenarios() -> str:
    """The packaged scenarios and their questions."""
    names = sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml"))
    own = {path.stem for path in (ROOT / "docs" / "scenarios").glob("*.md")}
    studied = {path.stem for path in (ROOT / "docs" / "studies").glob("*.md")}
    both = ", ".join(f"[{name}](../studies/{name}.md)" for name in sorted(own & studied))
    links = {name: f"[{name}]({'' if name in own else '../studies/'}{name}.md)" for name in names}
    rows = [
        (links[name], load("run", str(ROOT / "scenarios" / f"{name}.yaml"), []).scenario.about)
        for name in names
    ]
    parts = [
        "# Packaged scenarios",
        "Each answers one question. Its page says what was found, with the figures and the "
        "command that gives them again. The depth of an outage is "
        "seldom published: where it is an assumption, the scenario file says so.",
        table(
            ("scenario", "question"),
            (row for row, name in zip(rows, names, strict=True) if name in own),
        ),
        "Some are compared with policies of the folder `gallery/` besides the usual ones, each of "
        "which changes one thing that helps there, and may do harm elsewhere. A storm of retries "
        "that outlives what set it off is `phenomena/metastable_failure`, below.",
        "These belong to studies of one or two settings each, over ranges of their values:",
        table(
            ("scenario", "question"),
            (row for row, name in zip(rows, names, strict=True) if name not in own),
        ),
        f"With a page above, and a study as well: {both}.",
        "These show what is known of such systems, each with policies of a folder of that name: "
        "retries and their budgets, throttling, jitter, load, hedging, breakers and caches. "
        "`simroute compare scenario=phenomena/metastable_failure "
        "policy=direct,phenomena/impatient,phenomena/patient`:",
        table(("scenario", "question"), phenomena()),
        "`simroute list scenarios` names them, `simroute describe NAME` prints one. Files in a "
        "folder `scenarios/` where you work come first.",
    ]
    return "\n\n".join(parts) + "\n"


def phenomena() -> list[tuple[str, str]]:
    """Name and question of each."""
    folder = ROOT / "scenarios" / "phenomena"
    return [
        (f"phenomena/{path.stem}", load("run", str(path), []).scenario.about)
        for path in sorted(folder.glob("*.yaml"))
    ]


def layers() -> str:
    """What each layer does, its parameters, an example, and what the parameters do to each
    other."""
    kinds = reference.layer_references()
    parts = [
        "# Layers",
        "A policy file is an ordered mapping of layers, outermost first: a call passes them from "
        "top to bottom, the outcome comes back. "
        "`simroute describe LAYER` prints the same in a terminal. How to write one of your own: "
        "[Writing a policy](../policy.md).",
        table(
            ("layer", "what it does"),
            ((f"[{one.kind}](#{one.kind})", first(one.doc)) for one in kinds),
        ),
        "Where a parameter's kind is *target*, it names a deployment of the scenario, or a role:",
        ROLES,
    ]
    for one in kinds:
        parts += [
            f"## {one.kind}",
            one.doc,
            parameters(one.parameters),
            *fragment(one.example),
            *interplay(one.interplay),
            *([f"**Replicas** (`gateway.sync_every`). {one.replicas}"] if one.replicas else []),
        ]
    return "\n\n".join(parts) + "\n"


ROLES = "\n".join(
    (
        "- `first`: the scenario's first deployment",
        "- `cheapest`: the cheapest one that is not yet in the list, at three input tokens to "
        "one of output",
        "- `other_company`: the first one of a provider that is not yet in the list",
        "- `same_family`: the next one of the same model family as the first in the list",
    )
)


def scenario() -> str:
    """Every key of a scenario file."""
    parts = [
        "# Scenario files",
        "A scenario is everything that happens whatever the policy does: traffic, providers, "
        "outages, prices, and the promise. "
        "`simroute describe scenario` prints every key. How to write one: [Writing a "
        "scenario](../scenario.md).",
        "Durations are seconds, or written with a unit: `500ms`, `30s`, `5m`, `2h`, `1h30m`, "
        "`7d`. Where the kind is *when*, a share of the "
        "horizon such as `30%` will do as well. Keys in capitals (`NAME`) are names of your "
        "choice.",
    ]
    for one in reference.section_references():
        parts += [
            f"## {one.key}",
            sentence(one.doc),
            parameters(one.parameters),
            *fragment(one.example),
            *interplay(one.interplay),
        ]
    return "\n\n".join(parts) + "\n"


def commands() -> str:
    """Every command with its options."""
    parts = [
        "# Commands",
        "`simroute COMMAND [key=value …] [options]`. Exit status: 0 done, 1 an `--assert` is "
        "missed, 2 bad input, 130 interrupted.",
        table(
            ("command", "what it does"),
            ((f"[{name}](#{name})", text) for name, (_, text) in COMMANDS.items()),
        ),
        "Behind `scenario=` and `policy=` any key may be changed: `scenario.workload.rate=5`, "
        "`policy.breaker.cooldown=60s`; "
        "`~policy.retry` takes a layer out.",
    ]
    with click.Context(cli, info_name="simroute") as context:
        for name in COMMANDS:
            command = cli.get_command(context, name)
            assert command is not None
            parts += commands_of(click.Context(command, info_name=name, parent=context), command)
    return "\n\n".join(parts) + "\n"


def commands_of(context: click.Context, command: click.Command) -> list[str]:
    """A command, or a group with each of its own."""
    if not isinstance(command, click.Group):
        return command_section(context, command)
    parts = [f"## {context.info_name}", helped(command.help or "")]
    for name, inner in command.commands.items():
        told = command_section(click.Context(inner, info_name=name, parent=context), inner)
        parts += [f"#{text}" if text.startswith("## ") else text for text in told]
    return parts


def command_section(context: click.Context, command: click.Command) -> list[str]:
    """One command: usage, what it does, options."""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    options = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    records = [
        record for option in options if (record := option.get_help_record(context)) is not None
    ]
    rows = ((f"`{names.replace(' RANGE', '')}`", " ".join(text.split())) for names, text in records)
    return [
        f"## {context.info_name}",
        f"```text\n{usage}\n```",
        helped(command.help or ""),
        table(("option", "what it does"), rows),
    ]


def helped(text: str) -> str:
    """A command's help; indented lines and calls of simroute stay as they are written."""
    blocks = []
    for block in text.replace("\b\n", "").strip().split("\n\n"):
        lines = [line.strip() for line in block.splitlines()]
        blocks.append(
            "```sh\n" + "\n".join(lines) + "\n```"
            if lines[0].startswith("simroute ")
            else " ".join(lines)
        )
    return "\n\n".join(blocks)


def metrics() -> str:
    """What each figure means."""
    parts = [
        "# Metrics",
        "One definition each, the same in tables, `summary.json`, the report and `--assert`. In "
        "`summary.json` each has a `mean`, and `low` and "
        "`high`, the bounds of its 95 % interval over replications.",
    ]
    rows = [
        (
            f"`{name}`",
            UNITS[METRICS[name][0]] if name in METRICS else UNITS["share"],
            better(name),
            text,
        )
        for name, text in DEFINITIONS.items()
    ]
    return "\n\n".join([*parts, table(("metric", "unit", "better", "definition"), rows)]) + "\n"


def better(name: str) -> str:
    """Which way is good, where that can be said."""
    return "" if name in ("requests", "utilisation") else "more" if METRICS[name][1] else "less"


def traces() -> str:
    """The canonical table, and the formats that are read into it."""
    parts = [
        "# Traces",
        "How logs are read: [Reading traces](../traces.md).",
        "## Canonical table",
        f"Version {VERSION}. What every format is read into, and what `simroute trace convert` "
        f"writes as Parquet, one row a request.",
        table(
            ("column", "type", "what it is"),
            ((f"`{name}`", f"`{column.kind}`", column.about) for name, column in COLUMNS.items()),
        ),
        "## Formats",
        "Found by content. Other fields than these are not read.",
    ]
    for name, form in all_formats().items():
        fields = ", ".join(f"`{field}`" for field in form.FIELDS)
        parts += [
            f"### {name}",
            f"{form.ABOUT}.",
            " ".join((form.__doc__ or "").split()),
            f"Fields: {fields}",
        ]
    return "\n\n".join(parts) + "\n"


def parameters(rows: Iterable[Parameter]) -> str:
    """A table of keys."""
    return table(
        ("key", "kind", "range", "default", "what it does"),
        (
            (
                f"`{row.key}`",
                row.kind,
                row.range,
                f"`{row.default}`" if row.default else "",
                row.doc,
            )
            for row in rows
        ),
    )


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(heads)]
    lines += [
        ["---"] * len(lines[0]),
        *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def fragment(example: str) -> list[str]:
    return ["For example:", f"```yaml\n{example}\n```"] if example else []


def interplay(text: str) -> list[str]:
    return [f"**Interplay.** {text}"] if text else []


def first(doc: str) -> str:
    """The first paragraph."""
    return " ".join(doc.split("\n\n")[0].split())


def sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")
