"""Where scenarios and policies are found: the working directory first, then the checkout, then the
installed package."""

from __future__ import annotations

from pathlib import Path

from simroute.errors import InputError, nearest

PACKAGE = Path(__file__).parent.parent


def folders(kind: str) -> list[Path]:
    """The folders that hold `kind` ("scenarios", "policies"), nearest first."""
    checkout = PACKAGE.parent / kind
    own = (
        checkout
        if (PACKAGE.parent / "pyproject.toml").is_file() and checkout.is_dir()
        else PACKAGE / "_packaged" / kind
    )
    return [folder for folder in (Path.cwd() / kind, own) if folder.is_dir()]


def list_names(kind: str) -> list[str]:
    """The names of all scenarios or policies."""
    return sorted({path.stem for folder in folders(kind) for path in folder.glob("*.yaml")})


def is_path(name: str) -> bool:
    """Whether `name` is a path, not a name in the catalogue."""
    return name.endswith((".yaml", ".yml")) or "/" in name


def find(kind: str, name: str) -> Path:
    """The file of a name or path. Raises InputError with the nearest name."""
    if is_path(name):
        path = Path(name)
        if _is_file(path):
            return path
        raise InputError(f"{name}: no such file")
    for folder in folders(kind):
        path = folder / f"{name}.yaml"
        if _is_file(path):
            return path
    raise InputError(
        f"{kind[:-1] if kind == 'scenarios' else 'policy'} {name!r} is not known; "
        f"{nearest(name, list_names(kind))}"
    )


def _is_file(path: Path) -> bool:
    try:
        return path.exists() and not path.is_dir()
    except (OSError, ValueError):  # no name of a file: too long, or with a NUL
        return False
