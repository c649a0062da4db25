"""The systems of failoverbench: presets, what of them the benchmark sets, and what is a client's
and no layer's matter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, Literal

from simroute.config import catalogue, yaml_reader
from simroute.config.loading import build_layers
from simroute.testing.conformance.failoverbench.faults import PUBLISHED, Pauses, SetUp
from simroute.testing.conformance.verdict import Inexpressible

LONG = 3600.0
"""Seconds: a limit that no fault reaches."""
Sets = Callable[[SetUp], Mapping[str, Any]]
"""What the benchmark sets of a preset's layers: the baseline of all systems is its retries, its
time limit and one fallback."""


@dataclass(frozen=True)
class System:
    """A preset and its client. strict: an event that cannot be read is an error. hides: the end of
    a stream that broke off looks like the end of an answer. head: what the client does at the head
    of a stream: hand the call on, read the first token within the time limit, after which it has an
    error that no retry sees, or count it as nothing (then a limit to the first token decides).
    starts: seconds from a caller's request
    to the first attempt, at the first request of a fault; cold: the same more at the first fault
    (both as the provider's log of the published runs has them)."""

    preset: str
    sets: Sets
    strict: bool = False
    hides: bool = False
    head: Literal["handed_on", "read_on", ""] = ""
    starts: float = 0.0
    cold: float = 0.0


def _nothing(setup: SetUp) -> Mapping[str, Any]:
    return {}


def _reads(setup: SetUp) -> Mapping[str, Any]:
    limits = {"total": LONG, "first_token": setup.timeout, "between_chunks": setup.timeout}
    return {"timeout": limits}


def _asks_again(setup: SetUp) -> Mapping[str, Any]:
    return {"retry": {"attempts": setup.retries + 1}} if setup.retries != PUBLISHED.retries else {}


def _own_limit(setup: SetUp, *names: str) -> Mapping[str, Any]:
    """Where the preset has the benchmark's limit by itself."""
    given = dict.fromkeys(names, setup.timeout) if setup.timeout != PUBLISHED.timeout else {}
    return {"timeout": {"total": LONG, **given}}


def _sdk(setup: SetUp) -> Mapping[str, Any]:
    return {**_reads(setup), **_asks_again(setup)}


def _headers_alone(setup: SetUp) -> Mapping[str, Any]:
    return {**_own_limit(setup, "first_token"), **_asks_again(setup)}


def _whole_answers(setup: SetUp) -> Mapping[str, Any]:
    return _own_limit(setup, "first_token", "between_chunks")


def _silence_in_streams(setup: SetUp) -> Mapping[str, Any]:
    """Bifrost's limit to the headers did not work in the published version."""
    limits = {"total": LONG, "first_token": LONG, "between_chunks": setup.timeout}
    return {"timeout": limits, **_asks_again(setup)}


def _router(**more: Any) -> Sets:
    def sets(setup: SetUp) -> Mapping[str, Any]:
        settings = {"timeout": setup.timeout, "profile": "1.109"}
        if setup.retries != PUBLISHED.retries:
            settings["num_retries"] = setup.retries
        return {"litellm": {**settings, **more}}

    return sets


def _shared_session(setup: SetUp) -> Mapping[str, Any]:
    return {**_whole_answers(setup), "fallback": {"sticky": LONG}}


LITELLM = _router()
TUNED = _router(allowed_fails=1, cooldown_time=30.0)
HANDED_ON: Final = "handed_on"
READ_ON: Final = "read_on"
SYSTEMS = {
    "direct": System("direct", _reads, head=HANDED_ON),
    "openai_sdk": System("openai_sdk", _sdk, strict=True, head=HANDED_ON, cold=0.3),
    "anthropic_sdk": System("anthropic_sdk", _sdk, strict=True, head=HANDED_ON),
    "langchain": System("langchain", _sdk, strict=True, head=READ_ON),
    "litellm": System("litellm", LITELLM, strict=True, cold=0.3),
    "litellm_router_tuned": System("litellm", TUNED, strict=True, cold=0.3),
    "litellm_proxy_tuned": System("litellm", TUNED, strict=True),
    "litellm_router": System("litellm", LITELLM, strict=True, cold=0.3),
    "litellm_proxy": System("litellm", LITELLM, strict=True),
    "portkey": System("portkey", _headers_alone, hides=True, head=HANDED_ON),
    "bifrost": System("bifrost", _silence_in_streams, head=READ_ON),
    "dsh": System("dsh", _whole_answers, strict=True, starts=0.95, cold=0.62),
    "dsh_shared_session": System("dsh", _shared_session, strict=True, starts=0.95, cold=0.62),
    "reference": System("reference", _nothing),
}
"""By the beginning of their published names."""
OTHER_NAMES = {"openai_python": "openai_sdk", "no_gateway": "direct"}


def system_of(name: str) -> System:
    """By its published name, version included; any other one is its preset, or a policy of ours of
    exactly this name, as it is."""
    plain = _plain(name).removesuffix("_yaml")
    policies = catalogue.list_names("policies")
    for policy in policies:
        if not policy.startswith(GATEWAYS) and plain == _plain(policy) != "direct":
            return System(policy, _nothing)
    presets = [each.removeprefix(GATEWAYS) for each in policies if each.startswith(GATEWAYS)]
    known = {each: System(each, _nothing) for each in presets} | SYSTEMS
    known |= {other: known[system] for other, system in OTHER_NAMES.items()}
    for each in sorted(known, key=len, reverse=True):
        if plain == each or plain.startswith(f"{each}_"):
            return known[each]
    raise Inexpressible(f"a system without a preset: {name}")


GATEWAYS = "gateways/"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def layers_of(system: System, setup: SetUp) -> dict[str, Any]:
    """A preset's layers with what the benchmark sets: where that is the preset's own value, the
    preset's counts; a layer that the preset does not have is not made of it, but for a limit."""
    read = yaml_reader.read(catalogue.find("policies", system.preset)).data
    data = deepcopy({key: value for key, value in read.items() if key != "about"})
    for kind, keys in system.sets(setup).items():
        if kind in data or kind == "timeout":
            data[kind] = {**(data.get(kind) or {}), **keys}
    for pauses in setup.backoffs:
        if "retry" in data and system.preset.startswith(pauses.system):
            _set_pauses(data["retry"], pauses)
    if not setup.fallbacks:
        data.pop("fallback", None)
        if "litellm" in data:
            data["litellm"] = {**data["litellm"], "fallbacks": {}}
    return build_layers(data)


def _set_pauses(retry: dict[str, Any], pauses: Pauses) -> None:
    backoff = {**(retry.get("backoff") or {}), "initial": pauses.initial, "max": pauses.longest}
    retry["backoff"] = backoff if pauses.spread else {**backoff, "jitter": "none"}
    retry["retry_after"] = pauses.obeys
