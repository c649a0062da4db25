"""The systems of failoverbench: presets, what of them the benchmark sets, and what is a client's
and no layer's matter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, Literal

from simroute.config import catalogue, yaml_reader
from simroute.config.loading import build_layers
from simroute.testing.conformance.faults import SetUp
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
    return {"retry": {"attempts": setup.retries + 1}}


def _sdk(setup: SetUp) -> Mapping[str, Any]:
    return {**_reads(setup), **_asks_again(setup)}


def _headers_alone(setup: SetUp) -> Mapping[str, Any]:
    return {"timeout": {"total": LONG, "first_token": setup.timeout}, **_asks_again(setup)}


def _silence_in_streams(setup: SetUp) -> Mapping[str, Any]:
    """Bifrost's limit to the headers did not work in the published version."""
    limits = {"total": LONG, "first_token": LONG, "between_chunks": setup.timeout}
    return {"timeout": limits, **_asks_again(setup)}


def _router(**more: Any) -> Sets:
    def sets(setup: SetUp) -> Mapping[str, Any]:
        settings = {
            "groups": {"main": ["first"], "backup": ["other_company"]},
            "fallbacks": {"main": ["backup"]},
            "num_retries": setup.retries,
            "timeout": setup.timeout,
            "profile": "1.109",
        }
        return {"litellm": {**settings, **more}}

    return sets


def _shared_session(setup: SetUp) -> Mapping[str, Any]:
    return {**_reads(setup), "fallback": {"sticky": LONG}}


LITELLM = _router()
HANDED_ON: Final = "handed_on"
READ_ON: Final = "read_on"
SYSTEMS = {
    "direct": System("direct", _reads, head=HANDED_ON),
    "openai_sdk": System("openai_sdk", _sdk, strict=True, head=HANDED_ON, cold=0.3),
    "anthropic_sdk": System("anthropic_sdk", _sdk, strict=True, head=HANDED_ON),
    "langchain": System("langchain", _sdk, strict=True, head=READ_ON),
    "litellm_router_tuned": System(
        "litellm", _router(allowed_fails=1, cooldown_time=30.0), strict=True, cold=0.3
    ),
    "litellm_router": System("litellm", LITELLM, strict=True, cold=0.3),
    "litellm_proxy": System("litellm", LITELLM, strict=True),
    "portkey": System("portkey", _headers_alone, hides=True, head=HANDED_ON),
    "bifrost": System("bifrost", _silence_in_streams, head=READ_ON),
    "dsh": System("dsh", _reads, strict=True, starts=0.95, cold=0.62),
    "dsh_shared_session": System("dsh", _shared_session, strict=True, starts=0.95, cold=0.62),
    "reference": System("reference", _nothing),
}
"""By the beginning of their published names."""
OTHER_NAMES = {"openai_python": "openai_sdk", "no_gateway": "direct"}


def system_of(name: str) -> System:
    """By its published name, version included; any other one is its preset as it is."""
    plain = name.lower().replace("-", "_")
    plain = OTHER_NAMES.get(plain, plain)
    for known in sorted(SYSTEMS, key=len, reverse=True):
        if plain == known or plain.startswith(f"{known}_"):
            return SYSTEMS[known]
    presets = catalogue.find("policies", "litellm").parent.glob("*.yaml")
    if plain in {path.stem for path in presets}:
        return System(plain, _nothing)
    raise Inexpressible(f"a system without a preset: {name}")


def layers_of(system: System, setup: SetUp) -> dict[str, Any]:
    """A preset's layers with the benchmark's settings."""
    read = yaml_reader.read(catalogue.find("policies", system.preset)).data
    data = deepcopy({key: value for key, value in read.items() if key != "about"})
    for kind, keys in system.sets(setup).items():
        data[kind] = {**(data.get(kind) or {}), **keys}
    return build_layers(data)
