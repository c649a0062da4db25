"""Files and command-line overrides into one plain configuration. The only place that knows Hydra,
for its override grammar."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simroute.config.fields import find
from simroute.config.yaml_reader import Document
from simroute.core import registry
from simroute.errors import InputError, nearest
from simroute.models import spec

RESERVED = ("about", "tune")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
GROUPED = re.compile(r"(?<![\w.-])[-+]?[0-9]+(_[0-9]+)+(?!\w)")
"""A number with underscores between its digits."""


def compose(
    scenario: dict[Any, Any], policies: dict[str, dict[Any, Any]], overrides: list[str]
) -> tuple[dict[Any, Any], list[dict[Any, Any]], list[str]]:
    """The scenario and the policies with all overrides applied, and notes. Raises InputError with
    every mistake."""
    if not overrides:
        return scenario, list(policies.values()), []
    notes: list[str] = []
    rewritten: list[str] = []
    if problems := _judged(overrides, scenario, policies, rewritten, notes):
        raise InputError(*problems)
    made = _hydra(
        {
            "scenario": scenario,
            "policies": {f"p{i}": policy for i, policy in enumerate(policies.values())},
        },
        rewritten,
    )
    return made["scenario"], [made["policies"][f"p{i}"] for i in range(len(policies))], notes


def override_mistakes(
    overrides: list[str], scenario: dict[Any, Any] | None, policies: Sequence[dict[Any, Any] | None]
) -> list[str]:
    """What is wrong with overrides where the scenario or some of the policies (None) cannot be
    read: of these nothing is said."""
    return (
        _judged(
            overrides,
            scenario,
            {str(place): policy for place, policy in enumerate(policies)},
            [],
            [],
        )
        if overrides
        else []
    )


def _judged(
    overrides: list[str],
    scenario: dict[Any, Any] | None,
    policies: Mapping[str, dict[Any, Any] | None],
    rewritten: list[str],
    notes: list[str],
) -> list[str]:
    """Fills `rewritten` and `notes`; what is wrong."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    problems: list[str] = []
    for text in overrides:
        try:
            parsed = OverridesParser.create().parse_override(text)
        except HydraException:
            remedy = (
                "write digits as 0 to 9"
                if _foreign_digits(text)
                else "write key=value, or ~policy.LAYER to remove a layer"
            )
            problems.append(f"override {text!r}: not understood; {remedy}")
            continue
        problem = _refused(text, parsed)
        if problem is None:
            problem = _aimed(parsed, scenario, policies, rewritten, notes)
        if problem is not None:
            problems.append(f"override {text!r}: {problem}")
    return problems


def mark_overridden(overrides: list[str], scenario: Document, policies: list[Document]) -> None:
    """Let each document know which of its keys the command line set, so that a mistake there is
    told of the override."""
    for text in overrides:
        head, *path = text.lstrip("+~").partition("=")[0].split(".")
        for document in [scenario] if head == "scenario" else policies:
            document.overrides[tuple(path)] = text


def _refused(text: str, parsed: Any) -> str | None:
    if "${" in text or "???" in text:
        return "interpolation is not done; write the value"
    if parsed.is_sweep_override():
        return "several values at once are not taken here; run once for each"
    grouped = GROUPED.search(QUOTED.sub("", text.partition("=")[2]))
    if grouped is not None:  # Hydra's grammar would take it for a number, files do not
        return (
            f"{grouped.group()} is no number here; write {grouped.group().replace('_', '')}, "
            f"or quotes around a name"
        )
    if "." not in parsed.key_or_group:
        return "expected scenario.KEY=…, policy.LAYER.KEY=… or ~policy.LAYER"
    return None


def _foreign_digits(text: str) -> bool:
    return any(char.isdigit() and not char.isascii() for char in text)


def _aimed(
    parsed: Any,
    scenario: dict[Any, Any] | None,
    policies: Mapping[str, dict[Any, Any] | None],
    rewritten: list[str],
    notes: list[str],
) -> str | None:
    """Rewrite an override so that it may set what a file does not spell out, or say why not."""
    head, *path = parsed.key_or_group.split(".")
    tail = parsed.input_line.split("=", 1)[1] if "=" in parsed.input_line else None
    if head == "scenario":
        problem = (
            None
            if parsed.is_delete()
            else key_problem(spec.Scenario, scenario, path, whole=scenario is not None)
        )
        if parsed.is_delete() and scenario is not None and not _present(scenario, path):
            problem = "there is no such key to remove"
        if problem is None:
            rewritten.append(_text(parsed, f"scenario.{'.'.join(path)}", tail))
        return problem
    if head != "policy":
        return f"it must begin with scenario. or policy.; {nearest(head, ['scenario', 'policy'])}"
    layer, *rest = path
    have = [
        (f"p{i}", name, policy)
        for i, (name, policy) in enumerate(policies.items())
        if policy and layer in policy and layer not in RESERVED
    ]
    if not have:
        known = sorted(
            {key for policy in policies.values() for key in policy or () if key not in RESERVED}
        )
        return (
            None
            if None in policies.values()
            else f"no policy here has a layer {layer!r}; {nearest(layer, known)}"
        )
    for key, _, policy in have:
        problem = (
            _unknown_in_layer(policy[layer], layer, rest)
            if rest and not parsed.is_delete()
            else None
        )
        if problem is not None:
            return problem
        rewritten.append(_text(parsed, f"policies.{key}.{'.'.join(path)}", tail))
    if len(have) < len(policies):
        without = [name for name in policies if name not in {n for _, n, _ in have}]
        notes.append(
            f"{parsed.input_line}: applies to {', '.join(name for _, name, _ in have)}; "
            f"{', '.join(without)} has no layer {layer}"
        )
    return None


def _text(parsed: Any, key: str, tail: str | None) -> str:
    if parsed.is_delete():
        return f"~{key}"
    return f"++{key}={tail}"


def _present(data: Any, path: list[str]) -> bool:
    for name in path:
        if not isinstance(data, dict) or name not in map(str, data):
            return False
        data = next(value for key, value in data.items() if str(key) == name)
    return True


def _unknown_in_layer(data: Any, layer: str, path: list[str]) -> str | None:
    kind = (data or {}).get("kind", layer) if isinstance(data, dict) else layer
    if kind not in registry or path == ["kind"]:
        return None  # the file's own mistake is reported when it is built
    return key_problem(registry[kind], data if isinstance(data, dict) else {}, path)


def key_problem(cls: type, data: Any, path: list[str], whole: bool = True) -> str | None:
    """Why `path` below a dataclass cannot be set, None if it can.

    data: what the file has there. A new name in a mapping of records is refused where data is
    `whole`, since a typing error looks the same.
    """
    for depth, name in enumerate(path):
        form = find(cls, path[:depth])
        assert form is not None
        if form.inside(name) is None:
            return f"unknown key {name!r}; {nearest(name, form.keys)}"
        if form.entries is not None and form.entries.record is not None:
            known = [str(key) for key in data or {}]
            if whole and name not in known:
                return f"there is no {name!r} in {'.'.join(path[:depth])}; {nearest(name, known)}"
        data = _child(data, name)
    return None


def _child(data: Any, name: str) -> Any:
    if not isinstance(data, dict):
        return None
    return next((value for key, value in data.items() if str(key) == name), None)


def _hydra(data: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    from hydra import compose as hydra_compose
    from hydra import initialize
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="simroute", node=OmegaConf.create(_texted(data)))
    try:
        with initialize(version_base=None, config_path=None):
            made = hydra_compose("simroute", overrides=overrides)
        container: Callable[..., Any] = OmegaConf.to_container
        return container(made, resolve=False)  # type: ignore[no-any-return]
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(f"overrides: {str(error).splitlines()[0][:200]}") from None


def _texted(value: Any) -> Any:
    """Keys as text, so that an override can name them."""
    if isinstance(value, dict):
        return {str(key): _texted(item) for key, item in value.items()}
    return [_texted(item) for item in value] if isinstance(value, list) else value
