"""`list`, `describe` and `check`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from simroute.cli.plug import plugged

KINDS = ("scenarios", "policies", "layers", "formats")
plugin = click.option("--plugin", "plugins", multiple=True, type=click.Path(path_type=Path), help="A Python file with layers of your own.")


@click.command("list")
@click.argument("kind", type=click.Choice(KINDS))
@plugin
def list_command(kind: str, plugins: tuple[Path, ...]) -> int:
    """Names, one a line; on a terminal with what each is for."""
    plugged(plugins)
    rows = _listed(kind)
    wide = max((len(name) for name, _ in rows), default=0)
    for name, about in rows:
        click.echo(f"{name:{wide}}  {about}".rstrip() if sys.stdout.isatty() else name)
    return 0


def _listed(kind: str) -> list[tuple[str, str]]:
    from simroute.core import registry
    from simroute.experiment import catalogue, configuration
    from simroute.traces.reader import FORMATS

    assert configuration
    if kind == "layers":
        return [(name, _first_line(cls)) for name, cls in sorted(registry.items())]
    if kind == "formats":
        return [(name, ",".join(known.COLUMNS)) for name, known in FORMATS.items()]
    return [(name, _about(kind, name)) for name in catalogue.listed(kind)]


def _about(kind: str, name: str) -> str:
    from simroute.experiment import catalogue, yaml_reader
    from simroute.experiment.errors import InputError

    try:
        return " ".join(str(yaml_reader.read(catalogue.find(kind, name)).data.get("about", "")).split())
    except InputError as error:
        return f"(unreadable: {error.lines[0]})"


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().split("\n")[0]


@click.command("describe")
@click.argument("name")
@click.option("--schema", "as_schema", is_flag=True, help="With scenario or policy: the JSON Schema of such files.")
@plugin
def describe_command(name: str, as_schema: bool, plugins: tuple[Path, ...]) -> int:
    """What a scenario, policy, layer or format is; `describe scenario` lists every key of a scenario file."""
    from simroute.core import registry
    from simroute.experiment import catalogue, configuration, schema
    from simroute.experiment.errors import InputError, nearest
    from simroute.models import spec
    from simroute.traces.reader import FORMATS

    assert configuration
    plugged(plugins)
    if as_schema:
        import json

        from simroute.experiment.json_schema import policy_schema, scenario_schema

        made = {"scenario": scenario_schema, "policy": policy_schema}.get(name)
        if made is None:
            raise InputError(f"--schema is there for scenario and policy, not for {name!r}")
        click.echo(json.dumps(made(), indent=2, ensure_ascii=False, allow_nan=False))
    elif name == "scenario" or name in registry:
        cls: Any = spec.Scenario if name == "scenario" else registry[name]
        click.echo(f"{name}: {(cls.__doc__ or '').strip()}\n")
        _parameters(schema.parameters(cls))
    elif name in FORMATS:
        click.echo(f"{name}: {(FORMATS[name].__doc__ or '').strip()}\n\ncolumns: {', '.join(FORMATS[name].COLUMNS)}")
    else:
        kind = next((kind for kind in ("scenarios", "policies") if name in catalogue.listed(kind)), None)
        if kind is None:
            known = ["scenario", *registry, *FORMATS, *catalogue.listed("scenarios"), *catalogue.listed("policies")]
            raise InputError(f"nothing is called {name!r}; {nearest(name, known)}")
        path = catalogue.find(kind, name)
        click.echo(f"{name} ({kind[:-1] if kind == 'scenarios' else 'policy'}): {_about(kind, name)}\n\n{path.read_text(encoding='utf-8').rstrip()}")
    return 0


def _parameters(rows: list[Any]) -> None:
    heads = ("key", "unit or kind", "range", "default", "what it does")
    table = [heads, *(tuple(row) for row in rows)]
    widths = [min(34, max(len(row[column]) for row in table)) for column in range(4)]
    for row in table:
        click.echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, [*widths, 0], strict=True)).rstrip())


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@plugin
def check_command(files: tuple[Path, ...], plugins: tuple[Path, ...]) -> int:
    """Validate scenario and policy files; every mistake of every file, one line each."""
    from simroute.experiment import yaml_reader
    from simroute.experiment.configuration import load
    from simroute.experiment.errors import InputError

    plugged(plugins)
    problems: list[str] = []
    for file in files:
        try:
            data = yaml_reader.read(file).data
            scenario = "deployments" in data or "workload" in data
            path = str(file) if file.suffix in (".yaml", ".yml") or "/" in str(file) else f"./{file}"
            made = load("check", path, []) if scenario else load("check", "demo", [path])
            for note in made.notes:
                click.echo(f"{file}: note: {note}", err=True)
            click.echo(f"{file}: {'scenario' if scenario else 'policy'}, no mistake found")
        except InputError as error:
            problems += error.lines
    if problems:
        raise InputError(*problems)
    return 0
