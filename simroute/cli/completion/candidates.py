"""What may come next in a command line: names, override paths, values, files. Must be quick:
neither numbers nor Hydra are loaded for it.

Nothing of the user's is run: layers of a `--plugin` file are not known here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from simroute.text import first_sentence

if TYPE_CHECKING:
    from simroute.config.fields import Form

OPEN = "open"
"""Type of a candidate after which the word goes on: `scenario=`, a folder."""
HEADS = {
    "scenario=": "the weather",
    "policy=": "our stance; several with commas",
    "scenario.": "change a key of the scenario",
    "policy.": "change a key of a layer",
    "~policy.": "remove a layer",
}
TUNED = {"tune.": "a parameter and the values to be searched"}
KINDS = ("scenario", "policy", "layer", "metric", "format")


def words(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For the words of `run`, `compare`, `tune`: group=name, key=value, ~layer,
    tune.LAYER.KEY=RANGE."""
    chosen = dict(word.partition("=")[::2] for word in ctx.params.get("words") or () if "=" in word)
    tunes = ctx.info_name == "tune"
    if incomplete.startswith("scenario="):
        return (
            _listed("scenarios", "scenario=", incomplete)
            if tunes
            else _named("scenarios", "scenario=", incomplete)
        )
    if incomplete.startswith("policy="):
        return (
            _listed("policies", "policy=", incomplete)
            if ctx.info_name == "compare"
            else _named("policies", "policy=", incomplete)
        )
    if tunes and incomplete.startswith("tune."):
        chosen["scenario"] = chosen.get("scenario", "").partition(",")[0]
        return _ranges(chosen, incomplete)
    if incomplete.startswith(("scenario.", "policy.", "~scenario.", "~policy.")):
        return _overrides(chosen, incomplete)
    return [
        CompletionItem(head, OPEN, help)
        for head, help in (HEADS | (TUNED if tunes else {})).items()
        if head.startswith(incomplete)
    ]


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For `describe`: whatever has a name, bare or as kind=name."""
    kind, equals, start = incomplete.rpartition("=")
    head = kind + equals
    if head and kind not in KINDS:
        return []
    known: dict[str, str] = {}
    for each in [kind] if head else KINDS[:3]:
        known |= _described(each)
        if each == "policy":
            known |= dict.fromkeys(_starting("policies", start), "")
    if not head:
        known |= _presets() if "." in start else {}
        known |= (
            {"scenario": "every key of a scenario file", "policy": ""}
            if ctx.params.get("as_schema")
            else _sections()
        )
        if not any(name.startswith(start) for name in known):
            known = _described("metric") | _described("format")  # last, since they load the numbers
    items = [
        CompletionItem(head + name, help=help)
        for name, help in known.items()
        if name.startswith(start)
    ]
    if head:
        return items
    if "/" in start:
        items += paths(start, (".yaml", ".yml"))
    return items + [CompletionItem(f"{each}=", OPEN) for each in KINDS if each.startswith(start)]


def yaml_files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """For `check`: files, and scenarios and policies by name."""
    for key, kind in (("scenario=", "scenarios"), ("policy=", "policies")):
        if incomplete.startswith(key):
            return _listed(kind, key, incomplete)
    named = [
        CompletionItem(head, OPEN, HEADS[head])
        for head in ("scenario=", "policy=")
        if incomplete and head.startswith(incomplete)
    ]
    return paths(incomplete, (".yaml", ".yml")) + named


def paths(incomplete: str, endings: tuple[str, ...] = ("",)) -> list[CompletionItem]:
    """Files with one of these endings, and folders to look further in; hidden ones only when asked
    for."""
    folder, slash, start = incomplete.rpartition("/")
    try:
        entries = sorted(
            os.scandir(os.path.expanduser(folder + slash) or "."), key=lambda entry: entry.name
        )
    except OSError:
        return []
    items = []
    for entry in entries:
        hidden = entry.name.startswith(".") and not start.startswith(".")
        if entry.name.startswith(start) and not hidden:
            if entry.is_dir():
                items.append(CompletionItem(f"{folder}{slash}{entry.name}/", OPEN))
            elif entry.name.endswith(endings):
                items.append(CompletionItem(f"{folder}{slash}{entry.name}"))
    return items


def _listed(kind: str, first: str, incomplete: str) -> list[CompletionItem]:
    """One more name behind the names that are typed already, with commas between them."""
    *before, _ = incomplete.removeprefix(first).split(",")
    head = f"{first}{','.join(before)}," if before else first
    return [
        item
        for item in _named(kind, head, incomplete, True)
        if item.value.removeprefix(head) not in before
    ]


def _named(kind: str, head: str, incomplete: str, goes_on: bool = False) -> list[CompletionItem]:
    """Names of scenarios or policies behind `head`, then files."""
    start = incomplete.removeprefix(head)
    files = paths(start, (".yaml", ".yml")) if start else []
    item_type = OPEN if goes_on else "plain"
    return [CompletionItem(head + name, item_type) for name in _starting(kind, start)] + [
        CompletionItem(head + item.value, item.type) for item in files
    ]


def _starting(kind: str, start: str) -> list[str]:
    """Names of scenarios or policies that begin so, those of gateways by their bare names too, once
    something is typed."""
    from simroute.config import catalogue

    names = catalogue.list_names(kind)
    if kind == "policies" and start:
        names += [Path(name).name for name in names if name.startswith(f"{catalogue.GATEWAYS}/")]
    return [name for name in dict.fromkeys(names) if name.startswith(start)]


def _presets() -> dict[str, str]:
    """Presets of layers, as `breaker.kong`."""
    return {
        f"{layer}.{name}": f"{preset.version}; {preset.source}"
        for layer, cls in sorted(_layers().items())
        for name, preset in getattr(cls, "presets", {}).items()
    }


def _described(kind: str) -> dict[str, str]:
    from simroute.config import catalogue

    if kind == "layer":
        return {name: first_sentence(cls.__doc__) for name, cls in sorted(_layers().items())}
    if kind == "metric":
        from simroute.metrics.definitions import DEFINITIONS

        return DEFINITIONS
    if kind == "format":
        from simroute.traces.formats import all_formats

        return {name: form.ABOUT for name, form in all_formats().items()}
    return dict.fromkeys(
        catalogue.list_names("scenarios" if kind == "scenario" else "policies"), ""
    )


def _layers() -> dict[str, type]:
    from simroute import gateways
    from simroute.core import registry

    assert gateways
    return registry


def _sections() -> dict[str, str]:
    from dataclasses import fields

    from simroute.models import spec

    return {"scenario": "every key of a scenario file"} | {
        f"scenario.{field.name}": "" for field in fields(spec.Scenario)
    }


def _overrides(chosen: dict[str, str], incomplete: str) -> list[CompletionItem]:
    """scenario.KEY.KEY=VALUE and policy.LAYER.KEY=VALUE, as deep as has been typed; behind `~` what
    there is to be removed."""
    from simroute.models import spec

    key, equals, value = incomplete.partition("=")
    group, *path = key.split(".")
    files = _data("scenarios", [chosen.get("scenario", "")])
    scenario = files[0] if files else {}
    if group == "~scenario":
        return _behind("~scenario.", _present(scenario, path))
    if group == "scenario":
        items = _below(spec.Scenario, scenario, path, equals, value, scenario)
        return _behind("scenario.", items)
    layers, (layer, *rest) = _chosen_layers(chosen), path
    if not rest:
        removes = group.startswith("~")
        end, item_type = ("", "plain") if removes else (".", OPEN)
        return [
            CompletionItem(f"{group}.{name}{end}", item_type)
            for name in layers
            if name.startswith(layer)
        ]
    settings = layers.get(layer)
    kind = settings.get("kind", layer) if isinstance(settings, dict) else layer
    cls = _layers().get(kind) if layer in layers and group == "policy" else None
    if cls is None:
        return []
    return _behind(f"policy.{layer}.", _below(cls, settings, rest, equals, value, scenario))


def _behind(head: str, items: list[CompletionItem]) -> list[CompletionItem]:
    return [CompletionItem(head + item.value, item.type, item.help) for item in items]


def _ranges(chosen: dict[str, str], incomplete: str) -> list[CompletionItem]:
    """tune.LAYER.KEY=, as deep as has been typed; behind `=` all words of a choice, so that there
    is something to take away."""
    key, equals, value = incomplete.removeprefix("tune.").partition("=")
    items = _overrides(chosen, f"policy.{key}{equals}")
    if not equals:
        return [
            CompletionItem(f"tune.{item.value.removeprefix('policy.')}", OPEN, item.help)
            for item in items
        ]
    choice = "|".join(str(item.value).partition("=")[2] for item in items)
    if len(items) > 1 and choice.startswith(value):
        return [CompletionItem(f"tune.{key}={choice}")]
    return []


def _chosen_layers(chosen: dict[str, str]) -> dict[str, Any]:
    """Layers of the policies that have been named so far; of every kind, if none has."""
    named = chosen.get("policy")
    policies = _data("policies", named.split(",")) if named else [dict.fromkeys(sorted(_layers()))]
    return {
        str(name): settings
        for policy in policies
        for name, settings in policy.items()
        if name not in ("about", "tune")
    }


def _data(kind: str, names: Iterable[str]) -> list[dict[Any, Any]]:
    """What the files of these names hold; those that cannot be read are left out."""
    from simroute.config import catalogue, yaml_reader
    from simroute.config.lineups import read_scenario
    from simroute.errors import InputError

    files = []
    for name in names:
        try:
            if kind == "scenarios":
                files.append(read_scenario(name).data)
            else:
                files.append(yaml_reader.read(catalogue.find(kind, name)).data)
        except InputError:
            continue
    return files


def _present(data: Any, path: list[str]) -> list[CompletionItem]:
    """Keys that a file has below a path: each by itself, and, of a mapping, to go further in."""
    *above, start = path
    here = _inside(data, above)
    head = "".join(f"{name}." for name in above)
    names = [name for name in here if name.startswith(start)]
    return [CompletionItem(head + name) for name in names] + [
        CompletionItem(f"{head}{name}.", OPEN) for name in names if isinstance(here[name], dict)
    ]


def _inside(data: Any, path: list[str]) -> dict[str, Any]:
    """The mapping at a path, with keys as text; empty where there is none."""
    for name in path:
        data = _inside(data, []).get(name)
    return {str(key): value for key, value in data.items()} if isinstance(data, dict) else {}


def _below(
    cls: type, data: Any, path: list[str], equals: str, value: str, scenario: dict[Any, Any]
) -> list[CompletionItem]:
    """The keys of a dataclass at a path, names of the file included; behind `=` the values that can
    be listed."""
    from simroute.config.fields import find

    *above, start = path
    head = "".join(f"{name}." for name in above)
    if equals:
        return [
            CompletionItem(f"{head}{start}={item.value}", item.type, item.help)
            for item in _values(find(cls, path), value, scenario)
        ]
    form, here = find(cls, above), _inside(data, above)
    if form is None:
        return []
    items = []
    for name in form.keys if form.entries is None else here:
        child = form.inside(name)
        if child is not None and name.startswith(start):
            deeper = child.record is not None or (
                child.entries is not None and isinstance(here.get(name), dict)
            )
            items.append(CompletionItem(f"{head}{name}{'.' if deeper else '='}", OPEN, child.doc))
    return items


def _values(form: Form | None, start: str, scenario: dict[Any, Any]) -> list[CompletionItem]:
    """Words of a choice, true and false, deployments and roles, files; none for numbers."""
    from simroute.config import catalogue
    from simroute.core.target import ROLES

    scalar = None if form is None else form.scalar
    if scalar is None:
        return []
    if scalar.unit == "file":
        return paths(start)
    values: list[str] = []
    if scalar.unit == "line-up":
        values = catalogue.list_names(catalogue.LINEUPS)
    elif scalar.choices:
        values = [str(word) for word in scalar.choices]
    elif scalar.type is bool:
        values = ["true", "false"]
    elif scalar.unit == "target":
        values = [*_inside(scenario, ["deployments"]), *ROLES]
    return [CompletionItem(value) for value in values if value.startswith(start)]
