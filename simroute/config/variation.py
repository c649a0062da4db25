"""One policy with other values of its parameters: what is declared of them, the layers that come of
it, the shortest file that says so."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, get_args, get_type_hints

from simroute.config import overrides, schema, yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.names import aims
from simroute.core import registry
from simroute.core.params import Unit
from simroute.errors import InputError, nearest

NOWHERE = yaml_reader.Document("", {})
Values = dict[str, Any]
"""LAYER.KEY[.KEY] -> value."""


@dataclass(frozen=True)
class Variation:
    """The layers that a configuration has for `policy`, to be built again with other values."""

    configuration: Configuration
    policy: str

    @property
    def _layers(self) -> dict[str, Any]:
        return self.configuration.policies[self.policy]

    def unknown(self, name: str) -> str | None:
        """Why there is no such parameter, None if there is."""
        layer, *path = name.split(".")
        if layer not in self._layers:
            return f"{self.policy} has no layer {layer!r}; {nearest(layer, self._layers)}"
        if not path:
            return (
                f"expected {layer}.KEY; {nearest('', schema.keys(type(self._layers[layer]), ()))}"
            )
        return overrides.unknown(type(self._layers[layer]), schema.plain(self._layers[layer]), path)

    def number(self, name: str) -> type | None:
        """int or float if the parameter is declared as a number, else None."""
        bare = self._declared(name)[0]
        return bare if bare in (int, float) else None

    def unit(self, name: str) -> str:
        """The declared unit, such as "s" or "share"; empty if it has none."""
        return next((mark.name for mark in self._declared(name)[1] if isinstance(mark, Unit)), "")

    def _declared(self, name: str) -> tuple[Any, tuple[Any, ...]]:
        layer, *path = name.split(".")
        above = schema.inner(type(self._layers[layer]), tuple(path[:-1]))
        hint = (
            get_type_hints(above, include_extras=True)[path[-1]]
            if is_dataclass(above)
            else get_args(above)[1]
        )
        bare, marks = schema.unwrap(hint)
        if type(None) in get_args(bare):
            part, own = schema.unwrap(get_args(bare)[0])
            return part, (*own, *marks)
        return bare, marks

    def value(self, name: str, raw: Any) -> Any:
        """What a written value means, in seconds and shares. Raises InputError, and says what would
        be right."""
        built = self.layers({name: raw})
        found = [
            line
            for line in aims(built, self.configuration.scenario)
            if line not in aims(self._layers, self.configuration.scenario)
        ]
        if found:
            raise InputError(*(line for _, line in found))
        return at(schema.plain(built[name.split(".")[0]]), name.split(".")[1:])

    def start(self, name: str) -> Any:
        """The value that the policy has, None below a key that is not given."""
        layer, *path = name.split(".")
        return at(schema.plain(self._layers[layer]), path)

    def layers(self, values: Values) -> dict[str, Any]:
        """All layers, those anew that have other values. Raises InputError."""
        changed: dict[str, Any] = {}
        for name, value in values.items():
            layer, *path = name.split(".")
            settings = changed.setdefault(layer, schema.plain(self._layers[layer]))
            for key in path[:-1]:
                settings[key] = settings = dict(settings.get(key) or {})
            settings[path[-1]] = value
        built = dict(self._layers)
        for layer, settings in changed.items():
            try:
                built[layer] = schema.build(type(built[layer]), settings, NOWHERE)
            except InputError as error:
                raise InputError(*(line.split(": ", 2)[-1] for line in error.lines)) from None
            except ValueError as error:
                raise InputError(f"{layer}: {error}") from None
        return built

    def spelled(self, values: Values) -> dict[str, Any]:
        """The policy as its file would say it: what is not the default."""
        found = {}
        for name, layer in self.layers(values).items():
            own = {} if registry.get(name) is type(layer) else {"kind": layer.kind}
            found[name] = own | _differing(layer)
        return found


def at(data: Any, path: list[str]) -> Any:
    """What lies at a path, None where there is nothing."""
    for key in path:
        data = (
            {str(name): value for name, value in data.items()}.get(key)
            if isinstance(data, dict)
            else None
        )
    return data


def _differing(value: Any) -> dict[str, Any]:
    found = {}
    for f in fields(value):
        if not f.init:
            continue
        own = getattr(value, f.name)
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if default is MISSING or schema.plain(own) != schema.plain(default):
            found[f.name] = (
                _differing(own)
                if is_dataclass(own) and type(own) is type(default)
                else schema.plain(own)
            )
    return found
