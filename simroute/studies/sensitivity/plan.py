"""What a study of assumptions runs: a comparison as it is assumed, and what each setting changes.
Written as a `config.yaml`, and read back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from simroute.config import yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.loading import restore_document
from simroute.errors import InputError
from simroute.storage.folder import RunDescription

Kind = Literal["vary", "tornado"]
KEY = "assumptions"
MOST = 1000
"""Settings of a file."""


@dataclass
class SensitivityPlan:
    """What --vary or --tornado runs.

    base: the comparison as assumed. varied: of each assumption its key, and what it is set to.
    configurations: the settings, in the order of the study.
    """

    kind: Kind
    base: Configuration
    varied: list[dict[str, Any]]
    configurations: list[Configuration]

    @property
    def description(self) -> RunDescription:
        """For its folder; `read_plan` reads the text back."""
        return replace(RunDescription.of(self.base, self._text), command=self.kind)

    def _text(self) -> str:
        base = self.base.plain()
        settings = [_changed(base, each.plain()) for each in self.configurations]
        own = {"kind": self.kind, "varied": self.varied, "settings": settings}
        return yaml_reader.dump({**base, KEY: own})

    @property
    def numbered(self) -> list[Configuration]:
        """The settings with the seed, replications and plug-ins of the base."""
        base = self.base
        return [
            replace(each, seed=base.seed, replications=base.replications, plugins=base.plugins)
            for each in self.configurations
        ]


def is_plan(document: yaml_reader.Document) -> bool:
    """Whether a config.yaml is of such a study."""
    return KEY in document.data


def read_plan(document: yaml_reader.Document) -> SensitivityPlan:
    """What `plain` wrote. Raises InputError."""
    plain = {key: value for key, value in document.data.items() if key != KEY}
    base = restore_document(replace(document, data=plain))
    stored = document.data[KEY]
    wrong = (
        f"{document.where((KEY,))}: {KEY}: expected kind, varied and settings, as --vary and "
        f"--tornado write them"
    )
    if (
        not isinstance(stored, dict)
        or stored.keys() != {"kind", "varied", "settings"}
        or stored["kind"] not in ("vary", "tornado")
    ):
        raise InputError(wrong)
    varied, changes = stored["varied"], stored["settings"]
    if (
        not _mappings(varied)
        or not _mappings(changes)
        or len(changes) > MOST
        or not _fit(stored["kind"], varied, len(changes))
    ):
        raise InputError(wrong)
    configurations = [
        restore_document(replace(document, data=_merged(plain, each))) for each in changes
    ]
    if any(each.policies.keys() != base.policies.keys() for each in configurations):
        raise InputError(wrong)
    return SensitivityPlan(stored["kind"], base, varied, configurations)


def _fit(kind: Kind, varied: list[dict[str, Any]], many: int) -> bool:
    """Whether there are as many settings as what is varied makes."""
    if kind == "tornado":
        return all(
            each.keys() == {"key", "value", "low", "high"} for each in varied
        ) and many == 2 * len(varied)
    shape = {"key": str, "unit": str, "log": bool, "values": list, "written": list}
    right = all({name: type(value) for name, value in each.items()} == shape for each in varied)
    return (
        right and 0 < len(varied) <= 2 and many == math.prod(len(each["values"]) for each in varied)
    )


def _mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _changed(base: Any, changed: Any) -> Any:
    """The part of `changed` that differs; `_merged` puts it back."""
    if isinstance(base, dict) and isinstance(changed, dict) and base.keys() <= changed.keys():
        return {
            key: _changed(base.get(key), value)
            for key, value in changed.items()
            if key not in base or base[key] != value
        }
    return changed


def _merged(base: Any, change: Any) -> Any:
    if isinstance(base, dict) and isinstance(change, dict):
        return {**base, **{key: _merged(base.get(key), value) for key, value in change.items()}}
    return change
