"""One policy with other values of its parameters: what is declared of them, the layers that come of
it, the shortest file that says so."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, is_dataclass
from typing import Any

from simroute.config import overrides, schema, yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.fields import Form, declared_fields, find
from simroute.config.names import target_mistakes
from simroute.config.scalars import scalar_check
from simroute.core import registry
from simroute.errors import InputError, nearest
from simroute.models import spec

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

    def key_problem(self, name: str) -> str | None:
        """Why there is no such parameter, None if there is."""
        layer, *path = name.split(".")
        if layer not in self._layers:
            return f"{self.policy} has no layer {layer!r}; {nearest(layer, self._layers)}"
        if not path:
            return (
                f"expected {layer}.KEY; {nearest('', Form(record=type(self._layers[layer])).keys)}"
            )
        return overrides.key_problem(
            type(self._layers[layer]), schema.plain(self._layers[layer]), path
        )

    def number_type(self, name: str) -> type | None:
        """int or float if the parameter is declared as a number, else None."""
        scalar = self._form(name).scalar
        return scalar.type if scalar is not None and scalar.is_number else None

    def unit(self, name: str) -> str:
        """The declared unit, such as "s" or "share"; empty if it has none."""
        return self._form(name).unit

    def _form(self, name: str) -> Form:
        layer, *path = name.split(".")
        form = find(type(self._layers[layer]), path)
        assert form is not None
        return form

    def parse_value(self, name: str, raw: Any) -> Any:
        """What a written value means, in seconds and shares. Raises InputError, and says what would
        be right."""
        built = self.build_layers({name: raw})
        found = [
            line
            for line in target_mistakes(built, self.configuration.scenario)
            if line not in target_mistakes(self._layers, self.configuration.scenario)
        ]
        if found:
            raise InputError(*(line for _, line in found))
        return value_at(schema.plain(built[name.split(".")[0]]), name.split(".")[1:])

    def current_value(self, name: str) -> Any:
        """The value that the policy has, None below a key that is not given."""
        layer, *path = name.split(".")
        return value_at(schema.plain(self._layers[layer]), path)

    def build_layers(self, values: Values) -> dict[str, Any]:
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

    def file_form(self, values: Values) -> dict[str, Any]:
        """The policy as its file would say it: what is not the default."""
        found = {}
        for name, layer in self.build_layers(values).items():
            own = {} if registry.get(name) is type(layer) else {"kind": layer.kind}
            found[name] = own | _differing(layer)
        return found


def value_at(data: Any, path: list[str]) -> Any:
    """What lies at a path, None where there is nothing."""
    for key in path:
        data = (
            {str(name): value for name, value in data.items()}.get(key)
            if isinstance(data, dict)
            else None
        )
    return data


def _differing(instance: Any) -> dict[str, Any]:
    """The keys of a dataclass that are not at their defaults, as plain data."""
    differing = {}
    for field in declared_fields(type(instance)):
        value, default = getattr(instance, field.name), field.default
        if default is MISSING or schema.plain(value) != schema.plain(default):
            nested = is_dataclass(value) and type(value) is type(default)
            differing[field.name] = _differing(value) if nested else schema.plain(value)
    return differing


@dataclass(frozen=True)
class NumericKey:
    """`key` as on the command line; `whole`: only whole numbers make sense; `unit` as it is
    declared; `check` refuses with ValueError."""

    key: str
    whole: bool
    unit: str
    check: Any

    def parse(self, text: str) -> float | str:
        """In seconds and shares; "30%" stays a share of the horizon. Raises InputError."""
        try:
            raw = yaml_reader.parse(f"v: {text.strip()}\n".encode(), "").data["v"]
            found: float | str = self.check(raw)
        except InputError:
            raise InputError(
                f"{text!r} is not understood; write a number, or a duration such as 30s"
            ) from None
        except ValueError as error:
            raise InputError(str(error)) from None
        return found


def numeric_key(key: str, made: Configuration) -> NumericKey:
    """Raises InputError if there is no such key, or it is no number."""
    head, *path = key.split(".")
    if head == "scenario" and path:
        return _numeric_key(key, spec.Scenario, made.scenario, path)
    if head != "policy" or len(path) < 2:
        raise InputError("expected scenario.KEY=LOW..HIGH or policy.LAYER.KEY=LOW..HIGH")
    have = [layers[path[0]] for layers in made.policies.values() if path[0] in layers]
    if not have:
        known = sorted({name for layers in made.policies.values() for name in layers})
        raise InputError(f"no policy here has a layer {path[0]!r}; {nearest(path[0], known)}")
    return _numeric_key(key, type(have[0]), have[0], path[1:])


def _numeric_key(key: str, cls: type, given: Any, path: list[str]) -> NumericKey:
    problem = overrides.key_problem(cls, schema.plain(given), path)
    if problem is not None:
        raise InputError(problem)
    form = find(cls, path)
    scalar = None if form is None else form.scalar
    if scalar is None or scalar.type not in (int, float):
        raise InputError("is not a number, so it has no range")
    return NumericKey(key, scalar.type is int, scalar.unit, scalar_check(scalar))
