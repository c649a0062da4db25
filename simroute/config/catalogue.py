"""Where scenarios, policies and line-ups are found: the working directory first, then the checkout,
then the installed package."""

from __future__ import annotations

from pathlib import Path

from simroute.errors import InputError, nearest

PACKAGE = Path(__file__).parent.parent
LINEUPS = "scenarios/lineups"
GATEWAYS = "gateways"
"""Of the policies: what named gateways and clients do."""
KINDS = {"scenarios": "scenario", "policies": "policy", LINEUPS: "line-up"}
"""What is kept in folders -> the name of one of them."""


def folders(kind: str) -> list[Path]:
    """The folders that hold `kind` (of `KINDS`), nearest first."""
    checkout = PACKAGE.parent / kind
    own = (
        checkout
        if (PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir()
        else PACKAGE / "_packaged" / kind
    )
    return [folder for folder in (Path.cwd() / kind, own) if folder.is_dir()]


def list_names(kind: str) -> list[str]:
    """The names of all scenarios or policies; those of a folder within as FOLDER/NAME. Line-ups of
    deployments, which are in a folder of the scenarios, are a kind of their own."""
    return sorted(
        {
            path.relative_to(folder).with_suffix("").as_posix()
            for folder in folders(kind)
            for pattern in ("*.yaml", "*/*.yaml")
            for path in folder.glob(pattern)
            if kind == LINEUPS or path.parent.name != "lineups"
        }
    )


def is_path(name: str) -> bool:
    """Whether `name` is a path, not a name in the catalogue."""
    if name.endswith((".yaml", ".yml")):
        return True
    return "/" in name and not any(_is_file(path) for kind in KINDS for path in _places(kind, name))


def find(kind: str, name: str) -> Path:
    """The file of a name or path. Raises InputError with the nearest name."""
    if is_path(name):
        path = Path(name)
        if _is_file(path):
            return path
        if not _looks_like_name(kind, name):
            raise InputError(f"{name}: no such file")
    for path in _places(kind, name):
        if _is_file(path):
            return path
    names = list_names(kind)
    bare = [each.removeprefix(f"{GATEWAYS}/") for each in names if each.startswith(GATEWAYS)]
    meant = nearest(name, [*names, *bare])
    if kind == "policies" and _is_preset(name):
        written = f"as a breaker it is breaker: {{preset: {name}}}"
        meant = f"{meant} {written}" if meant.startswith("did") else written
    raise InputError(f"{KINDS[kind]} {name!r} is not known; {meant}")


def _is_preset(name: str) -> bool:
    """Whether a layer has a preset of this name. Layers take their time to load."""
    from simroute.policies.presets.breakers import PRESETS

    return name in PRESETS


def _looks_like_name(kind: str, name: str) -> bool:
    """Whether a path of no file was meant as FOLDER/NAME: it is in a folder that there is in the
    catalogue, or close to a name of it."""
    if name.endswith((".yaml", ".yml")) or name.startswith((".", "/", "~")):
        return False
    names = list_names(kind)
    known = {each.rpartition("/")[0] for each in names} - {""}
    return name.rpartition("/")[0] in known or nearest(name, names).startswith("did you mean")


def _places(kind: str, name: str) -> list[Path]:
    """Where a file of that name can be; a preset of a gateway goes by its bare name too."""
    places = [folder / f"{name}.yaml" for folder in folders(kind)]
    if kind == "policies" and "/" not in name:
        places += [folder / GATEWAYS / f"{name}.yaml" for folder in folders(kind)]
    return places


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):  # no name of a file: too long, or with a NUL
        return False
