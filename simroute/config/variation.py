"""Single values of a scenario or a policy replaced: what is declared of them, the layers that come
of it, the shortest policy file that says so."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, is_dataclass
from typing import Any

from simroute.config import overrides, schema, yaml_reader
from simroute.config.configuration import Configuration
from simroute.config.fields import Form, declared_fields, find
from simroute.config.names import target_mistakes
from simroute.config.scalars import scalar_check
from simroute.core import registry
from simroute.errors import InputError, nearest

MULTIPLE = re.compile(r"x(\d+(?:\.\d*)?|\.\d+)")
PRESET = "preset"
"""The key of a layer that names its other settings."""
NOWHERE = yaml_reader.Document("", {})
Values = dict[str, Any]
"""LAYER.KEY[.KEY] -> value."""


@dataclass(frozen=True)
class Variation:
    """One policy of a configuration, whose layers can be built again with other values.

    variation = Variation(configuration, "circuit_breaker")
    variation.current_value("breaker.failures")           # 3
    variation.build_layers({"breaker.failures": 5})
    """

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
            return f"expected {layer}.KEY; {nearest('', self._form(layer).keys)}"
        instance = self._layers[layer]
        return overrides.key_problem(type(instance), schema.plain(instance), path)

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
        """A written value in seconds and shares. Raises InputError that says what would be
        right."""
        layers, scenario = self.build_layers({name: raw}), self.configuration.scenario
        before = target_mistakes(self._layers, scenario)
        mistakes = [each for each in target_mistakes(layers, scenario) if each not in before]
        if mistakes:
            raise InputError(*(line for _, line in mistakes))
        layer, *path = name.split(".")
        return value_at(schema.plain(layers[layer]), path)

    def current_value(self, name: str) -> Any:
        """The value that the policy has, None below a key that it does not set."""
        layer, *path = name.split(".")
        return value_at(schema.plain(self._layers[layer]), path)

    def build_layers(self, values: Values) -> dict[str, Any]:
        """All layers; those with other values are built anew. Raises InputError."""
        changed: dict[str, Any] = {}
        for name, value in values.items():
            layer, *path = name.split(".")
            settings = changed.setdefault(layer, self._settings(layer, values))
            for key in path[:-1]:
                settings[key] = settings = dict(settings.get(key) or {})
            settings[path[-1]] = value
        layers = dict(self._layers)
        for layer, settings in changed.items():
            try:
                layers[layer] = schema.build(type(layers[layer]), settings, NOWHERE)
            except InputError as error:
                raise InputError(*(line.split(": ", 2)[-1] for line in error.lines)) from None
            except ValueError as error:
                raise InputError(f"{layer}: {error}") from None
        return layers

    def _settings(self, layer: str, values: Values) -> dict[str, Any]:
        """All settings of a layer; without those of its preset, where it gets another one."""
        instance = self._layers[layer]
        if f"{layer}.{PRESET}" in values and values[f"{layer}.{PRESET}"] != instance.preset:
            return _differing(instance)
        settings: dict[str, Any] = schema.plain(instance)
        return settings

    def file_form(self, values: Values) -> dict[str, Any]:
        """The policy as plain data for a file, without keys that are at their defaults."""
        data = {}
        for name, layer in self.build_layers(values).items():
            kind = {} if registry.get(name) is type(layer) else {"kind": layer.kind}
            data[name] = kind | _differing(layer)
        return data


def value_at(data: Any, path: list[str]) -> Any:
    """The value at a key path of plain data, None where there is nothing."""
    for key in path:
        if not isinstance(data, dict):
            return None
        data = {str(name): value for name, value in data.items()}.get(key)
    return data


def _differing(instance: Any) -> dict[str, Any]:
    """The keys of a dataclass that are not at their defaults, or those of its preset, as plain
    data."""
    differing = {}
    preset = getattr(instance, PRESET, None)
    usual = None if preset is None else type(instance)(**{PRESET: preset})
    for field in declared_fields(type(instance)):
        value, default = getattr(instance, field.name), field.default
        if usual is not None and field.name != PRESET:
            default = getattr(usual, field.name)
        if default is MISSING or schema.plain(value) != schema.plain(default):
            nested = is_dataclass(value) and type(value) is type(default)
            differing[field.name] = _differing(value) if nested else schema.plain(value)
    return differing


@dataclass(frozen=True)
class NumericKey:
    """A number of a scenario or a policy that can be varied.

    key: as on the command line. whole: whether only whole numbers make sense. unit: as declared.
    check: returns a value as the models take it, or raises ValueError. value: that it has.
    """

    key: str
    whole: bool
    unit: str
    check: Any
    value: Any

    def parse(self, text: str) -> float | str:
        """A written value in seconds and shares; "30%" stays a share of the horizon, and "x1.2" is
        a multiple of the present value. Raises InputError."""
        multiple = MULTIPLE.fullmatch(text.strip())
        if multiple is not None:
            if not isinstance(self.value, int | float):
                raise InputError(f"{text}: it has no number to be multiplied; write the value")
            text = f"{self.value * float(multiple[1]):.12g}"
        try:
            raw = yaml_reader.parse(f"v: {text.strip()}\n".encode(), "").data["v"]
            value: float | str = self.check(raw)
        except InputError:
            raise InputError(
                f"{text!r} is not understood; write a number, or a duration such as 30s"
            ) from None
        except ValueError as error:
            raise InputError(str(error)) from None
        return value


def numeric_key(key: str, configuration: Configuration) -> NumericKey:
    """The declared number at a key. Raises InputError if there is no such key, or it is no
    number."""
    head, *path = key.split(".")
    if head == "scenario" and path:
        return _numeric_key(key, configuration.scenario, path)
    if head != "policy" or len(path) < 2:
        raise InputError("expected scenario.KEY=LOW..HIGH or policy.LAYER.KEY=LOW..HIGH")
    name, *path = path
    for layers in configuration.policies.values():
        if name in layers:
            return _numeric_key(key, layers[name], path)
    known = sorted({other for layers in configuration.policies.values() for other in layers})
    raise InputError(f"no policy here has a layer {name!r}; {nearest(name, known)}")


def _numeric_key(key: str, instance: Any, path: list[str]) -> NumericKey:
    problem = overrides.key_problem(type(instance), schema.plain(instance), path)
    if problem is not None:
        raise InputError(problem)
    form = find(type(instance), path)
    scalar = None if form is None else form.scalar
    if scalar is None or scalar.type not in (int, float):
        raise InputError("is not a number, so it has no range")
    value = value_at(schema.plain(instance), path)
    return NumericKey(key, scalar.type is int, scalar.unit, scalar_check(scalar), value)
