"""Files and command-line overrides into one plain configuration. The only place that knows Hydra,
for its override grammar."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from simroute.config.fields import find
from simroute.config.yaml_reader import Document
from simroute.core import registry
from simroute.errors import InputError, nearest
from simroute.models import spec

Data = dict[Any, Any]
Named = dict[str, "Named | None"]
"""Keys, and those below each; None: the key with all that is below it."""
RESERVED = ("about", "tune")
"""Top-level keys of a policy file that are no layers."""
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
GROUPED = re.compile(r"(?<![\w.-])[-+]?[0-9]+(_[0-9]+)+(?!\w)")
"""A number with underscores between its digits."""


class _Rewritten(NamedTuple):
    """Overrides as Hydra takes them, notes on them, and what is wrong with the others."""

    texts: list[str]
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
    texts, notes, problems = _rewrite(overrides, scenario, policies)
    if problems:
        raise InputError(*problems)
    numbered = {f"p{i}": policy for i, policy in enumerate(policies.values())}
    composed = _hydra({"scenario": scenario, "policies": numbered}, texts)
    return composed["scenario"], [composed["policies"][name] for name in numbered], notes


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
            parsed = _parse(text)
            head, *path = parsed.key_or_group.split(".")
            if head == "scenario":
                result.texts.append(_scenario_override(parsed, path, scenario))
                result.notes.extend(_merged(parsed, path, scenario))
            elif head == "policy":
                texts, notes = _policy_overrides(parsed, path, policies)
                result.texts.extend(texts)
                result.notes.extend(notes)
            else:
                near = nearest(head, ["scenario", "policy"])
                raise InputError(f"it must begin with scenario. or policy.; {near}")
        except InputError as error:
            result.problems.extend(f"override {text!r}: {line}" for line in error.lines)
    return result


def _parse(text: str) -> Any:
    """Hydra's reading of an override. Raises InputError where it is not one that is taken here."""
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
    if "." not in parsed.key_or_group or parsed.package is not None:
        raise InputError("expected scenario.KEY=…, policy.LAYER.KEY=… or ~policy.LAYER")
    return parsed


NO_SUCH_KEY = "there is no such key to remove"


def _scenario_override(parsed: Any, path: list[str], scenario: Data | None) -> str:
    if not parsed.is_delete():
        known = scenario is not None and not parsed.is_add()
        problem = key_problem(spec.Scenario, scenario, path, whole=known)
        if problem is not None:
            is_new = known and key_problem(spec.Scenario, scenario, path, whole=False) is None
            is_new = is_new and "did you mean" not in problem
            raise InputError(problem + ("; a + before it adds one" if is_new else ""))
    elif scenario is not None and not _has(scenario, path):
        raise InputError(NO_SUCH_KEY)
    _refuse_empty(parsed, _at(scenario, path))
    return _text(parsed, f"scenario.{'.'.join(path)}")


def _refuse_empty(parsed: Any, present: Any) -> None:
    """Raises InputError where an empty mapping is to take the place of what is there: mappings are
    merged, so it would change nothing."""
    if parsed.value() == {} and isinstance(present, dict) and present and not parsed.is_delete():
        remedy = f"write ~{parsed.key_or_group} to remove what is there"
        raise InputError(f"changes nothing, since mappings are merged; {remedy}")


def _merged(parsed: Any, path: list[str], scenario: Data | None) -> Iterator[str]:
    """A note on the names that stay beside those of a mapping that is given, where it does not say
    that it adds."""
    value, form = parsed.value(), find(spec.Scenario, path)
    if not isinstance(value, dict) or parsed.is_delete() or parsed.is_add():
        return
    given, present = {str(key) for key in value}, _at(scenario, path)
    stays = [str(key) for key in present or () if str(key) not in given]
    if form is not None and form.entries is not None and isinstance(present, dict) and stays:
        key = parsed.key_or_group
        yield f"{key}: keeps {', '.join(stays)} too; ~{key}.{stays[0]} removes it"


def _policy_overrides(
    parsed: Any, path: list[str], policies: Mapping[str, Data | None]
) -> tuple[list[str], list[str]]:
    """The override for each policy that has the layer, and a note if others have not."""
    layer, *rest = path
    texts, applies, without = [], [], []
    for number, (name, policy) in enumerate(policies.items()):
        if not policy or layer not in policy or layer in RESERVED:
            without.append(name)
            continue
        if rest and not parsed.is_delete():
            _check_layer_key(policy[layer], layer, rest)
        elif not _has(policy, path) and not isinstance(_at(policy, path[:-1]), list):
            raise InputError(NO_SUCH_KEY)
        _refuse_empty(parsed, _at(policy, path))
        applies.append(name)
        texts.append(_text(parsed, f"policies.p{number}.{'.'.join(path)}"))
    if not texts and None not in policies.values():
        layers = {key for policy in policies.values() for key in policy or ()} - {*RESERVED}
        raise InputError(f"no policy here has a layer {layer!r}; {nearest(layer, sorted(layers))}")
    if not texts or not without:
        return texts, []
    note = (
        f"{parsed.input_line}: applies to {', '.join(applies)}; "
        f"{', '.join(without)} has no layer {layer}"
    )
    return texts, [note]


def _check_layer_key(data: Any, layer: str, path: list[str]) -> None:
    kind = (data or {}).get("kind", layer) if isinstance(data, dict) else layer
    if kind not in registry or path == ["kind"]:
        return  # the file's own mistake is reported when it is built
    problem = key_problem(registry[kind], data if isinstance(data, dict) else {}, path)
    if problem is not None:
        raise InputError(problem)


def _text(parsed: Any, key: str) -> str:
    return f"~{key}" if parsed.is_delete() else f"++{key}={parsed.input_line.partition('=')[2]}"


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


BELOW_A_LIST = "overrides: a list has no keys below it; write all of it, such as key=[a, b]"
UNMERGED = "Error merging override ~"
"""What Hydra says of a name where a list has places."""


def _hydra(data: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """Hydra is shown what the overrides name and nothing else: it copies all that it is shown,
    node by node and several times."""
    from hydra import compose as hydra_compose
    from hydra import initialize
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    whole, named = _with_text_keys(data), _named(overrides)
    GlobalHydra.instance().clear()
    ConfigStore.instance().store(name="simroute", node=OmegaConf.create(_only(whole, named)))
    try:
        with initialize(version_base=None, config_path=None):
            composed = hydra_compose("simroute", overrides=overrides)
        container: Callable[..., Any] = OmegaConf.to_container
        return _put_back(whole, container(composed, resolve=False), named)  # type: ignore[no-any-return]
    except (HydraException, OmegaConfBaseException) as error:
        said = str(error).splitlines()[0][:200]
        raise InputError(
            BELOW_A_LIST if said.startswith(UNMERGED) else f"overrides: {said}"
        ) from None
    except (ValueError, TypeError):  # what Hydra does with a place in a list
        raise InputError(BELOW_A_LIST) from None


def _named(overrides: list[str]) -> Named:
    """The keys that overrides name. Where one removes a key, all beside it: if another adds it
    again, it stands behind them."""
    tree: Named = {}
    for text in overrides:
        path, here = text.lstrip("+~").partition("=")[0].split("."), tree
        if text.startswith("~"):
            path = path[:-1]
        for name in path[:-1]:
            below = here.setdefault(name, {})
            if below is None:
                break
            here = below
        else:
            here[path[-1]] = None
    return tree


def _only(data: Any, named: Named | None) -> Any:
    """What is named, in mappings within mappings."""
    if named is None or not isinstance(data, dict):
        return data
    return {key: _only(item, named[key]) for key, item in data.items() if key in named}


def _put_back(data: Any, composed: Any, named: Named | None) -> Any:
    """What has become of the named, among the rest: each key in its place, new ones last."""
    if named is None or not isinstance(data, dict):
        return composed
    kept = {
        key: _put_back(item, composed[key], named[key]) if key in named else item
        for key, item in data.items()
        if key not in named or key in composed
    }
    return kept | {key: item for key, item in composed.items() if key not in data}


def _with_text_keys(value: Any) -> Any:
    """The same with keys as text, so that an override can name them."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list) else value
