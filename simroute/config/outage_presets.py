"""Outages that happened and whose depth was published: an outage that names one has its keys, but
for those that are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from simroute.models import spec
from simroute.models.faults import resolve_time
from simroute.models.spec.outages import PresetName

SCOPES = ("provider", "deployment", "domain")


class Preset(NamedTuple):
    """lasts: seconds. keys: of the outage. told: what was published, and where."""

    lasts: float
    keys: Mapping[str, Any]
    told: str


PRESETS: dict[PresetName, Preset] = {
    "openai_2023_11_08": Preset(
        94 * 60.0,
        {"provider": "openai", "error_share": 0.95, "status": 502},
        "05:42 to 07:16 Pacific, near total, 502, 503 (status.openai.com/incidents/00fpy0yxrx1q; "
        "one of 46 probes of apicontext.com was answered); 0.95 is assumed",
    ),
    "openai_2024_11_25": Preset(
        105 * 60.0,
        {"provider": "openai", "error_share": 0.13, "status": 503},
        "10:15 to 12:00 Pacific, 13 % of paid requests at its peak, 23 % of enterprise ones, of "
        "ChatGPT; the API's share was not told (status.openai.com/incidents/3pn6gclf1cjx)",
    ),
    "openai_2024_12_04": Preset(
        90 * 60.0,
        {"provider": "openai", "error_share": 0.0, "hang_share": 0.45},
        "16:07 to 17:37 Pacific, requests stood still for 30 s before their answer began, and the "
        "callers of 45 % gave up (status.openai.com/incidents/55qs3vq1m35z): these are the ones "
        "that hang",
    ),
    "vertex_2026_02_03": Preset(
        3600.0,
        {"provider": "google", "error_share": 0.1792, "status": 429},
        "Vertex AI in us-east4, 17.92 % of requests (Google Cloud's incident report); an hour is "
        "assumed",
    ),
}


def apply_presets(scenario: spec.Scenario, written: Any, notes: list[str]) -> spec.Scenario:
    """The scenario with plain outages instead of names of presets. written: its `outages` as the
    user wrote them, whose keys hold."""
    if not any(outage.preset for outage in scenario.outages.values()):
        return scenario
    outages = dict(scenario.outages)
    for name, outage in outages.items():
        if outage.preset is not None:
            own = written.get(name) if isinstance(written, dict) else None
            outages[name] = _expanded(outage, own if isinstance(own, dict) else {}, scenario)
            told = PRESETS[outage.preset].told
            notes.append(f"outages.{name}: {outage.preset}: {told}")
    return replace(scenario, outages=outages)


def _expanded(outage: spec.Outage, own: Mapping[str, Any], scenario: spec.Scenario) -> spec.Outage:
    assert outage.preset is not None
    preset, keys = PRESETS[outage.preset], dict[str, Any]()
    elsewhere = any(getattr(outage, scope) is not None for scope in SCOPES)
    for key, value in preset.keys.items():
        if key not in own and not (key == "provider" and elsewhere):
            keys[key] = value
    if outage.start is None:  # at random, or after so many requests
        keys |= {
            key: value
            for key, value in (("repair", preset.lasts), ("repair_law", "fixed"))
            if "repair" not in own
        }
    elif outage.end is None:
        keys["end"] = resolve_time(outage.start, scenario.horizon) + preset.lasts
    return replace(outage, preset=None, **keys)
