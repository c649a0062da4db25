"""`list`, `describe` and `check`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from simroute.cli.completion import candidates
from simroute.cli.options import plugin_option
from simroute.cli.render import pages
from simroute.cli.terminal import escaped, on_terminal
from simroute.config.plugins import load_plugins
from simroute.text import first_sentence

if TYPE_CHECKING:
    from simroute.config.reference import PresetReference

KINDS = {
    "scenarios": "scenario",
    "policies": "policy",
    "layers": "layer",
    "formats": "format",
    "metrics": "metric",
    "lineups": "lineup",
    "presets": "preset",
}
"""What can be listed -> the name of one of them."""
CATALOGUE = ("models", "prices")
"""What can be listed of the price catalogue, which is not ours to describe."""
PILOT = "direct"
"""The policy under which a scenario's first requests are played, to tell how long it takes."""
NEUTRAL = ("requests", "breaker_opened", "half_open_probes", "utilisation")
"""Metrics of which neither more nor less is better."""


@click.command("list")
@click.argument("kind", type=click.Choice([*KINDS, *CATALOGUE]), required=False)
@click.option(
    "--date",
    "day",
    metavar="YYYY-MM-DD",
    help="With models or prices: those of this day. [that of the catalogue's release]",
)
@plugin_option
def list_command(kind: str | None, day: str | None, plugins: tuple[Path, ...]) -> int:
    """Names, one a line; on a terminal with what each is for. Without KIND everything, as
    `describe` takes it: policy=failover.

    `list models` tells every provider and model that a scenario may name without a price of its
    own, `list prices` what they cost.
    """
    _check_day(kind, day)
    load_plugins(plugins)
    if kind in CATALOGUE:
        from simroute.cli.render.price_list import model_rows, price_rows

        pages.show((price_rows if kind == "prices" else model_rows)(day))
        return 0
    kinds = [kind] if kind else list(KINDS)
    if on_terminal():
        pages.show(part for each in kinds for part in _section(each, titled=kind is None))
        return 0
    for each in kinds:
        for name in names(each):
            click.echo(escaped(name if kind else f"{KINDS[each]}={name}"))
    return 0


def _check_day(kind: str | None, day: str | None) -> None:
    """Refuses a date that is none, or beside other kinds. Raises InputError."""
    from datetime import date

    from simroute.errors import InputError

    if day is None:
        return
    if kind not in CATALOGUE:
        raise InputError("--date: goes with list prices and list models, which have a date")
    try:
        written = date.fromisoformat(day).isoformat()
    except ValueError:
        written = ""
    if written != day:  # 20250701 and 2026-W05-1 are dates too, and not read elsewhere
        raise InputError(f"--date {day!r}: write a day as YYYY-MM-DD, such as 2026-01-31") from None


def _section(kind: str, titled: bool) -> pages.Page:
    if titled:
        yield from pages.title(kind)
    rows = [(name, _description(kind, name)) for name in names(kind)]
    yield from pages.table(("name", "what it is"), rows)
    if kind == "presets":
        yield "\nThese are of one layer; whole gateways and clients are policies: list policies"


def names(kind: str) -> list[str]:
    """The names of a kind."""
    from simroute.config import catalogue, reference
    from simroute.core import registry
    from simroute.metrics.definitions import DEFINITIONS
    from simroute.traces.formats import FORMAT_NAMES

    known: dict[str, Any] = {
        "layers": sorted(registry),
        "formats": FORMAT_NAMES,
        "metrics": DEFINITIONS,
        "presets": [f"{each.kind}.{each.name}" for each in reference.preset_references()],
    }
    return list(known[kind]) if kind in known else catalogue.list_names(_folder(kind))


def _folder(kind: str) -> str:
    """What the catalogue calls a kind."""
    from simroute.config import catalogue

    return catalogue.LINEUPS if kind == "lineups" else kind


def _description(kind: str, name: str) -> str:
    """What something is, in a sentence."""
    from simroute.core import registry
    from simroute.metrics.definitions import DEFINITIONS
    from simroute.traces.formats import find_format

    if kind == "layers":
        return first_sentence(registry[name].__doc__)
    if kind == "formats":
        return find_format(name).ABOUT
    if kind == "presets":
        found = _find_preset(name)
        return f"{found.kind} as in {found.name} {found.preset.version}"
    return DEFINITIONS[name] if kind == "metrics" else _about(kind, name)


def _about(kind: str, name: str) -> str:
    from simroute.config import catalogue, yaml_reader
    from simroute.errors import InputError

    try:
        data = yaml_reader.read(catalogue.find(_folder(kind), name)).data
        return pages.PARTS.split(" ".join(str(data.get("about", "")).split()))[0]
    except InputError as error:
        return f"(unreadable: {error.lines[0]})"


@click.command("describe")
@click.argument("name", shell_complete=candidates.names)
@click.option(
    "--schema",
    "as_schema",
    is_flag=True,
    help="With scenario or policy: the JSON Schema of such files.",
)
@plugin_option
def describe_command(name: str, as_schema: bool, plugins: tuple[Path, ...]) -> int:
    """What a scenario, policy, layer, metric or format is. `describe scenario` tells every key of a
    scenario file, `describe scenario.outages` those of a section, `describe breaker.cooldown` or
    `describe workload.rate` one key; `describe policy=cascade` says which one is meant where a
    layer has the same name.
    """
    load_plugins(plugins)
    if as_schema:
        click.echo(_schema(name))
        return 0
    page, others = _find_page(name)
    pages.show(page)
    for other in others:
        click.echo(
            f"\nThere is a {other.partition('=')[0]} of the same name: simroute describe {other}"
        )
    return 0


def _schema(name: str) -> str:
    import json

    from simroute.config.json_schema import policy_schema, scenario_schema
    from simroute.errors import InputError

    schema = {"scenario": scenario_schema, "policy": policy_schema}.get(name)
    if schema is None:
        raise InputError(f"--schema is there for scenario and policy, not for {name!r}")
    return json.dumps(schema(), indent=2, ensure_ascii=False, allow_nan=False)


def _known(kind: str) -> list[str]:
    """The names of a kind, and the bare ones by which presets of gateways go too."""
    from simroute.config import catalogue

    listed, folder = names(kind), f"{catalogue.GATEWAYS}/"
    bare = [name.removeprefix(folder) for name in listed if name.startswith(folder)]
    return [*listed, *bare] if kind == "policies" else listed


def _find_page(name: str) -> tuple[pages.Page, list[str]]:
    """The page of a name, and other things of the same name. Raises InputError."""
    from simroute.config import catalogue, reference
    from simroute.config.key_lookup import key_names, key_owners
    from simroute.errors import InputError, nearest

    path = name.partition("=")[2] if name.partition("=")[0] in KINDS.values() else name
    if catalogue.is_path(path):
        return _file(path), []
    references = reference.section_references()
    if name == "scenario":
        from simroute.models import spec

        return pages.scenario_file(spec.Scenario.__doc__ or "", references), []
    sections = {f"scenario.{each.key}": each for each in references}
    if name in sections:
        return pages.section(sections[name]), []
    prefix, _, bare = name.rpartition("=")
    kinds = [kind for kind in PAGES if prefix in ("", KINDS[kind]) and bare in _known(kind)]
    if not kinds and not prefix and (found := key_owners(bare)):
        return pages.keys(bare, found), []
    if not kinds:
        known = [*(name for kind in KINDS for name in _known(kind)), "scenario", *sections]
        known += key_names(bare)
        raise InputError(f"nothing is called {name!r}; {nearest(bare, known)}")
    return PAGES[kinds[0]](bare), [f"{KINDS[kind]}={bare}" for kind in kinds[1:]]


def _file(name: str) -> pages.Page:
    from simroute.config import yaml_reader
    from simroute.config.review import is_scenario

    return _scenario(name) if is_scenario(yaml_reader.read(Path(name)).data) else _policy(name)


def _scenario(name: str) -> pages.Page:
    from simroute.cli.render.scenario import scenario_page
    from simroute.config import catalogue
    from simroute.config.loading import load
    from simroute.errors import InputError

    text = catalogue.find("scenarios", name).read_text(encoding="utf-8-sig")
    try:
        configuration = load("describe", name, [PILOT])
    except InputError:  # of a policy of that name of the user's own, if it can be read without
        configuration = load("describe", name, [])
    return scenario_page(name, configuration, text)


def _lineup(name: str) -> pages.Page:
    from simroute.cli.render.scenario import lineup_page
    from simroute.config import catalogue
    from simroute.config.review import load_lineup

    path = catalogue.find(catalogue.LINEUPS, name)
    text = path.read_text(encoding="utf-8-sig")
    return lineup_page(name, load_lineup(path, str(path)), text)


def _policy(name: str) -> pages.Page:
    from simroute.config import catalogue, yaml_reader
    from simroute.config.loading import load_layers
    from simroute.core import formula

    path = catalogue.find("policies", name)
    layers = load_layers(name)
    about = str(yaml_reader.read(path).data.get("about", "(nothing is said of it)"))
    return pages.policy(name, about, formula(layers), layers, path.read_text(encoding="utf-8-sig"))


def _layer(name: str) -> pages.Page:
    from simroute.config import reference

    return pages.layer(reference.layer_reference(name))


def _find_preset(name: str) -> PresetReference:
    from simroute.config import reference

    kind, _, own = name.partition(".")
    return next(each for each in reference.preset_references(kind) if each.name == own)


def _preset(name: str) -> pages.Page:
    return pages.preset(_find_preset(name))


def _metric(name: str) -> pages.Page:
    from simroute.metrics import METRICS
    from simroute.metrics.definitions import DEFINITIONS

    unit, more = METRICS.get(name, ("share", True))
    return pages.metric(name, DEFINITIONS[name], unit, None if name in NEUTRAL else more)


def _format(name: str) -> pages.Page:
    from simroute.traces.formats import find_format

    form = find_format(name)
    return pages.trace_format(name, form.__doc__ or "", form.FIELDS)


PAGES: dict[str, Callable[[str], pages.Page]] = {
    "layers": _layer,
    "scenarios": _scenario,
    "policies": _policy,
    "metrics": _metric,
    "formats": _format,
    "lineups": _lineup,
    "presets": _preset,
}
"""Kind -> its page; of several things of the same name the first is described."""


def check_serving(words: tuple[str, ...]) -> int:
    """Says whether a policy can run in front of these deployments. Raises InputError."""
    from simroute.cli.commands.serve import import_live, read_words

    policy, deployments = read_words(words, "check")
    import_live()
    from simroute.live import Gateway

    gateway = Gateway(policy, deployments)
    for note in gateway.notes:
        click.echo(f"{escaped(policy)}: note: {escaped(note)}", err=True)
    names = list(gateway.serving.fleet.targets)
    click.echo(f"{escaped(policy)} can serve {escaped(', '.join(names))}: no mistake found")
    return 0


@click.command("check")
@click.argument("files", nargs=-1, required=True, shell_complete=candidates.yaml_files)
@plugin_option
def check_command(files: tuple[str, ...], plugins: tuple[Path, ...]) -> int:
    """Validate scenario and policy files; every mistake of every file, one line each.

    simroute check policies/mine.yaml scenario=demo

    A policy is held against the scenarios given beside it, or those of its workspace, and whom its
    fallback asks there is told; without any, names of targets are left open. With
    policy=P deployments=FILE: whether `serve` could start with them.
    """
    from simroute.config.review import review_files
    from simroute.errors import InputError

    load_plugins(plugins)
    if any(word.startswith("deployments=") for word in files):
        return check_serving(files)
    problems: list[str] = []
    for review in review_files(files):
        for note in review.notes:
            click.echo(f"{escaped(review.file)}: note: {escaped(note)}", err=True)
        if not review.problems:
            click.echo(f"{escaped(review.file)}: {review.kind}, no mistake found")
            for fact in review.facts:
                click.echo(f"{escaped(review.file)}: {escaped(fact)}")
        problems += review.problems
    if problems:
        raise InputError(*problems)
    return 0
