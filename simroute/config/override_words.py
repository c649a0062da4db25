"""One override, as it is typed. Hydra's grammar reads it; the plainest words are read here as it
would read them, since it takes a tenth of a second to load."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from simroute.errors import InputError

PLAIN = re.compile(
    r"(?P<sign>\+{0,2})(?P<key>(scenario|policy)(\.[A-Za-z_][A-Za-z0-9_]*)+)="
    r"((?P<whole>[-+]?(0|[1-9][0-9]{0,14}))|(?P<number>[0-9]{1,15}\.[0-9]{1,15})"
    r"|(?P<name>[0-9]{0,15}(\.[0-9]{1,15})?[A-Za-z]([A-Za-z_]*[A-Za-z])?))"
)
"""Words with a number, a name of letters, or a number with its unit."""
OTHERWISE = {"true", "false", "null", "inf", "nan"}
"""What is no name, in large letters or small."""
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
GROUPED = re.compile(r"(?<![\w.-])[-+]?[0-9]+(_[0-9]+)+(?!\w)")
"""A number with underscores between its digits."""


class Override(NamedTuple):
    """What a word says. text: as it was typed. key: with dots. adds, removes: it begins with + or
    with ~."""

    text: str
    key: str
    value: Any
    adds: bool = False
    removes: bool = False


def read_override(text: str) -> Override:
    """Raises InputError where it is none that is taken here."""
    return read_plain(text) or _read_by_grammar(text)


def read_plain(text: str) -> Override | None:
    """None where it is for the grammar to say what it is."""
    found = PLAIN.fullmatch(text)
    if found is None or (found["name"] or "").lower() in OTHERWISE:
        return None
    value: Any = found["name"]
    if value is None:
        value = int(found["whole"]) if found["number"] is None else float(found["number"])
    return Override(text, found["key"], value, adds=found["sign"] == "+")


def _read_by_grammar(text: str) -> Override:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_override(text)
    except HydraException:
        foreign = any(char.isdigit() and not char.isascii() for char in text)
        remedy = "write key=value, or ~policy.LAYER to remove a layer"
        if foreign:
            remedy = "write digits as 0 to 9"
        raise InputError(f"not understood; {remedy}") from None
    if "${" in text or "???" in text:
        raise InputError("interpolation is not done; write the value")
    if parsed.is_sweep_override():
        raise InputError("several values at once are not taken here; run once for each")
    grouped = GROUPED.search(QUOTED.sub("", text.partition("=")[2]))
    if grouped is not None:  # Hydra's grammar would take it for a number, files do not
        raise InputError(
            f"{grouped.group()} is no number here; write {grouped.group().replace('_', '')}, "
            f"or quotes around a name"
        )
    key, value = parsed.key_or_group, parsed.value()
    if "." not in key or parsed.package is not None:
        raise InputError("expected scenario.KEY=…, policy.LAYER.KEY=… or ~policy.LAYER")
    return Override(text, key, value, parsed.is_add(), parsed.is_delete())
