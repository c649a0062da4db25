"""Files and command-line overrides into one plain configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, NamedTuple

from simroute.config.fields import find
from simroute.config.override_words import Override, read_override
from simroute.config.yaml_reader import Document
from simroute.core import registry
from simroute.errors import InputError, nearest
from simroute.models import spec

Data = dict[Any, Any]
RESERVED = ("about", "tune")
"""Top-level keys of a policy file that are no layers."""


class Change(NamedTuple):
    """An override of one document; `path` from the root of scenario and policies."""

    override: Override
    path: tuple[str, ...]


class _Rewritten(NamedTuple):
    """What overrides change where, notes on them, and what is wrong with the others."""

    changes: list[Change]
    notes: list[str]
    problems: list[str]


def compose(
    scenario: Data, policies: dict[str, Data], overrides: list[str]
) -> tuple[Data, list[Data], list[str]]:
    """The scenario and the policies with all overrides applied, and notes.

    Raises InputError with every mistake.
    """
    if not overrides:
        return scenario, list(policies.values()), []
    changes, notes, problems = _rewrite(overrides, scenario, policies)
    if problems:
        raise InputError(*problems)
    numbered = {f"p{i}": policy for i, policy in enumerate(policies.values())}
    composed = changed({"scenario": scenario, "policies": numbered}, changes)
    return composed["scenario"], list(composed["policies"].values()), notes


def changed(data: Data, changes: Iterable[Change]) -> Data:
    """A copy with the changes made, one after another, as Hydra would compose it: mappings are
    merged, all else is replaced. Raises InputError."""
    composed: Data = _with_text_keys(data)
    for override, (*above, last) in changes:
        try:
            node = _mapping_at(composed, above, fill=not override.removes)
            if not override.removes:
                _merge(node, last, deepcopy(override.value))
            elif last in node:
                del node[last]
            else:
                raise InputError("there is no such key to remove")
        except InputError as error:
            raise InputError(*(f"override {override.text!r}: {it}" for it in error.lines)) from None
    return composed


def _mapping_at(data: Data, path: list[str], fill: bool) -> Data:
    """The mapping at a path; what is no mapping is replaced by one if they are to be filled."""
    for name in path:
        below = data.get(name)
        if isinstance(below, list):
            raise InputError(f"{name} is a list, and keys are named in mappings")
        if not isinstance(below, dict):
            if not fill:
                raise InputError("there is no such key to remove")
            below = data[name] = {}
        data = below
    return data


def _merge(data: Data, key: Any, value: Any) -> None:
    """Set a key; of a mapping upon a mapping, the keys below it."""
    present = data.get(key)
    if isinstance(present, dict) and isinstance(value, dict):
        for name, item in value.items():
            _merge(present, name, item)
    elif {type(present), type(value)} == {dict, list}:
        raise InputError("a list and a mapping are not merged; remove what is there with a ~ first")
    else:
        data[key] = value


def override_mistakes(
    overrides: list[str], scenario: Data | None, policies: Sequence[Data | None]
) -> list[str]:
    """What is wrong with overrides. A scenario or policy that could not be read is None; overrides
    of its keys are not checked."""
    if not overrides:
        return []
    numbered = {str(place): policy for place, policy in enumerate(policies)}
    return _rewrite(overrides, scenario, numbered).problems


def mark_overridden(overrides: list[str], scenario: Document, policies: list[Document]) -> None:
    """Let each document know which of its keys the command line set, so that the message of a
    mistake there names the override."""
    for text in overrides:
        head, *path = text.lstrip("+~").partition("=")[0].split(".")
        for document in [scenario] if head == "scenario" else policies:
            document.overrides[tuple(path)] = text


def _rewrite(
    overrides: list[str], scenario: Data | None, policies: Mapping[str, Data | None]
) -> _Rewritten:
    """Overrides that may set what a file does not spell out; those of a policy once for each policy
    that has the layer."""
    result = _Rewritten([], [], [])
    for text in overrides:
        try:
            override = read_override(text)
            head, *path = override.key.split(".")
            if head == "scenario":
                _check_scenario_key(override, path, scenario)
                result.changes.append(Change(override, ("scenario", *path)))
                result.notes.extend(_merged(override, path, scenario))
            elif head == "policy":
                numbers, notes = _policies_with(override, path, policies)
                result.changes.extend(
                    Change(override, ("policies", f"p{number}", *path)) for number in numbers
                )
                result.notes.extend(notes)
            else:
                near = nearest(head, ["scenario", "policy"])
                raise InputError(f"it must begin with scenario. or policy.; {near}")
        except InputError as error:
            result.problems.extend(f"override {text!r}: {line}" for line in error.lines)
    return result


def _check_scenario_key(override: Override, path: list[str], scenario: Data | None) -> None:
    if not override.removes:
        known = scenario is not None and not override.adds
        problem = key_problem(spec.Scenario, scenario, path, whole=known)
        if problem is not None:
            is_new = known and key_problem(spec.Scenario, scenario, path, whole=False) is None
            is_new = is_new and "did you mean" not in problem
            raise InputError(problem + ("; a + before it adds one" if is_new else ""))
    elif scenario is not None and not _has(scenario, path):
        raise InputError("there is no such key to remove")
    _refuse_empty(override, _at(scenario, path))


def _refuse_empty(override: Override, present: Any) -> None:
    """Raises InputError where an empty mapping is to take the place of what is there: mappings are
    merged, so it would change nothing."""
    if override.value == {} and isinstance(present, dict) and present and not override.removes:
        remedy = f"write ~{override.key} to remove what is there"
        raise InputError(f"changes nothing, since mappings are merged; {remedy}")


def _merged(override: Override, path: list[str], scenario: Data | None) -> Iterator[str]:
    """A note on the names that stay beside those of a mapping that is given, where it does not say
    that it adds."""
    value, form = override.value, find(spec.Scenario, path)
    if not isinstance(value, dict) or override.removes or override.adds:
        return
    given, present = {str(key) for key in value}, _at(scenario, path)
    stays = [str(key) for key in present or () if str(key) not in given]
    if form is not None and form.entries is not None and isinstance(present, dict) and stays:
        key = override.key
        yield f"{key}: keeps {', '.join(stays)} too; ~{key}.{stays[0]} removes it"


def _policies_with(
    override: Override, path: list[str], policies: Mapping[str, Data | None]
) -> tuple[list[int], list[str]]:
    """Which policies have the layer, and a note if others have not."""
    layer, *rest = path
    numbers, applies, without = [], [], []
    for number, (name, policy) in enumerate(policies.items()):
        if not policy or layer not in policy or layer in RESERVED:
            without.append(name)
            continue
        if rest and not override.removes:
            _check_layer_key(policy[layer], layer, rest)
        _refuse_empty(override, _at(policy, path))
        applies.append(name)
        numbers.append(number)
    if not numbers and None not in policies.values():
        layers = {key for policy in policies.values() for key in policy or ()} - {*RESERVED}
        raise InputError(f"no policy here has a layer {layer!r}; {nearest(layer, sorted(layers))}")
    if not numbers or not without:
        return numbers, []
    note = (
        f"{override.text}: applies to {', '.join(applies)}; "
        f"{', '.join(without)} has no layer {layer}"
    )
    return numbers, [note]


def _check_layer_key(data: Any, layer: str, path: list[str]) -> None:
    kind = (data or {}).get("kind", layer) if isinstance(data, dict) else layer
    if kind not in registry or path == ["kind"]:
        return  # the file's own mistake is reported when it is built
    problem = key_problem(registry[kind], data if isinstance(data, dict) else {}, path)
    if problem is not None:
        raise InputError(problem)


def _has(data: Any, path: list[str]) -> bool:
    for name in path:
        if not isinstance(data, dict) or name not in map(str, data):
            return False
        data = _child(data, name)
    return True


def _at(data: Any, path: list[str]) -> Any:
    """What is at a path, None if nothing is."""
    for name in path:
        data = _child(data, name)
    return data


def key_problem(cls: type, data: Any, path: list[str], whole: bool = True) -> str | None:
    """Why `path` below a dataclass cannot be set, None if it can.

    data: what the file has there. A new name in a mapping of records is refused where data is
    `whole`, since a typing error looks the same; `+scenario.outages.NAME={…}` adds one.
    """
    for depth, name in enumerate(path):
        form = find(cls, path[:depth])
        assert form is not None
        if form.inside(name) is None:
            return f"unknown key {name!r}; {nearest(name, form.keys)}"
        if form.entries is not None and form.entries.record is not None:
            known = [str(key) for key in data or {}]
            if whole and name not in known:
                rest, above = ".".join(path[depth:]), ".".join(path[:depth])
                dotted = [key for key in known if "." in key and f"{rest}.".startswith(f"{key}.")]
                if dotted:
                    return (
                        f"keys are parted at dots, and {dotted[0]} has one; write it in braces, "
                        f"as {above}={{{dotted[0]}: {{…}}}}"
                    )
                return f"there is no {name!r} in {'.'.join(path[:depth])}; {nearest(name, known)}"
        data = _child(data, name)
    return None


def _child(data: Any, name: str) -> Any:
    if not isinstance(data, dict):
        return None
    return next((value for key, value in data.items() if str(key) == name), None)


def _with_text_keys(value: Any) -> Any:
    """A copy with keys as text, so that an override can name them."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value
