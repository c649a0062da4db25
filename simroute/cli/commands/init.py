"""`init`: a workspace to edit, in which everything runs as it stands."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from simroute.cli.terminal import escaped

TEMPLATES = Path(__file__).parent.parent / "workspace"
FILES = (
    "README.md",
    "scenarios/mine.yaml",
    "policies/mine.yaml",
    "policies/polite.yaml",
    "policies/polite.py",
    "policies/test_polite.py",
    "reports/README.md",
    "pytest.ini",
)
NEXT = (
    "simroute compare scenario=mine policy=direct,mine --replications 5",
    "simroute compare scenario=mine policy=mine,polite --plugin policies/polite.py "
    "--replications 5",
    "pytest",
)


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
def init_command(folder: Path) -> int:
    """Make a workspace in DIR (default: here): a scenario and policies to edit, a layer in Python
    with its test, a README.

    Nothing that is there is overwritten.
    """
    contents = _contents()
    _check_free(folder, list(contents))
    _write(folder, contents)
    where = escaped(str(folder))
    click.echo(
        f"{len(contents)} files in {where}{'' if where.endswith('/') else '/'}; README.md says "
        f"what each is for. Type next:\n"
    )
    if folder.resolve() != Path.cwd():
        click.echo(f"  cd {escaped(shlex.quote(str(folder)))}")
    for command in NEXT:
        click.echo(f"  {command}")
    return 0


def _contents() -> dict[str, str]:
    """Name -> text of each file; the schemas are those of this version."""
    from simroute.config.json_schema import policy_schema, scenario_schema

    templates = {name: (TEMPLATES / name).read_text(encoding="utf-8") for name in FILES}
    with _register_polite():
        schemas = {"schema/scenario.json": scenario_schema(), "schema/policy.json": policy_schema()}
    return templates | {
        name: json.dumps(schema, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        for name, schema in schemas.items()
    }


@contextmanager
def _register_polite() -> Iterator[None]:
    """Registers the template's layer for a moment, so that the schema of policies has it."""
    from simroute.config.plugins import load_plugins
    from simroute.core import registry

    before = dict(registry)
    try:
        load_plugins([TEMPLATES / "policies" / "polite.py"])
        yield
    finally:
        registry.clear()
        registry.update(before)


def _check_free(folder: Path, names: list[str]) -> None:
    """Checks that nothing would be overwritten. Raises InputError."""
    from simroute.errors import InputError

    if os.path.lexists(folder) and not folder.is_dir():
        raise InputError(f"{folder}: is a file; give a folder")
    parents = {name.partition("/")[0] for name in names if "/" in name}
    files = [
        name
        for name in sorted(parents)
        if os.path.lexists(folder / name) and not (folder / name).is_dir()
    ]
    existing = [name for name in names if os.path.lexists(folder / name)] or files
    if existing:
        raise InputError(
            f"{folder}: {', '.join(existing)} {'are' if len(existing) > 1 else 'is'} "
            f"there already; nothing was written, give another folder"
        )


def _write(folder: Path, contents: dict[str, str]) -> None:
    """Writes all files or none. Raises InputError."""
    from simroute.errors import InputError

    created: list[Path] = []
    try:
        for name, text in contents.items():
            path = folder / name
            for parent in reversed([each for each in path.parents if not each.exists()]):
                parent.mkdir()
                created.append(parent)
            created.append(path)
            with open(path, "x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except OSError as error:
        _remove(created)
        raise InputError(f"{folder}: cannot be written ({error.strerror}); nothing was") from None


def _remove(paths: list[Path]) -> None:
    """Removes files and folders, the last first."""
    for path in reversed(paths):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
