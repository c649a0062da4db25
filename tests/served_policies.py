"""What is run in both worlds: packaged policies, presets of gateways, and layers one by one, with
those whom they ask."""

import asyncio
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import yaml

from simroute.config import catalogue
from simroute.core import Judge
from simroute.live.files import read_layers
from simroute.models import spec
from simroute.policies.timeout import Timeout

COMPANIES = {
    "claude-sonnet": ("anthropic", "claude-sonnet-4-0", spec.PriceList(3.0, 15.0)),
    "gpt-4o": ("openai", "gpt-4o", spec.PriceList(2.5, 10.0)),
    "gemini-flash": ("google", "gemini-2.0-flash", spec.PriceList(0.1, 0.4)),
}
"""Deployment -> company, model, price. The first is in the situation, the others are well."""
LAYERS = yaml.safe_load(Path(__file__).with_name("layer_lines.yaml").read_text())
"""Lines of policy files: name -> layers."""
TIMEOUT = {"total": 5.3, "first_token": 2.1}
JUDGE_S, USD = 0.71, 100.0


def packaged(name, **changes):
    """The layers of a packaged policy, without chance; changes: layer -> fields."""
    layers = read_layers(name)
    if "retry" in layers:
        backoff = replace(layers["retry"].backoff, jitter="none")
        layers["retry"] = replace(layers["retry"], backoff=backoff)
    for layer, fields in changes.items():
        layers[layer] = replace(layers[layer], **fields)
    return layers


def preset(name):
    """A gateway as it is packaged, or with the time limit that it lacks."""
    layers = read_layers(name)
    return layers if {"timeout", "litellm"} & {*layers} else {**layers, "timeout": Timeout(900.0)}


def lines(name):
    """The layers of a line of a policy file."""
    text = {**LAYERS[name], "timeout": LAYERS[name].get("timeout", TIMEOUT)}
    return read_layers(text)


PACKAGED = {
    "direct": lambda: packaged("direct"),
    "retry_only": lambda: packaged("retry_only"),
    "failover": lambda: packaged("failover"),
    "circuit_breaker": lambda: packaged("circuit_breaker"),
    "budget_shift": lambda: packaged("budget_shift", budget={"usd": USD}),
    "layered": lambda: packaged("layered", budget={"usd": USD}),
    "cached": lambda: packaged("cached"),
    "cached, exact": lambda: packaged("cached", cache={"match": "exact"}),
    "cascade, accepted": lambda: packaged("cascade", cascade={"judge": judge(1.0)}),
    "cascade, refused": lambda: packaged("cascade", cascade={"judge": judge(0.0)}),
}
"""Those that can be served, with what they need for it: a sum, a fixed judge, an embedder."""
OWN_EXPERTS = {"martian", "routellm", "unify"}
"""Theirs are not those of this table."""
GATEWAYS = [
    f"gateways/{file.stem}"
    for file in sorted(catalogue.find("policies", "litellm").parent.glob("*.yaml"))
    if file.stem not in OWN_EXPERTS
]
NO_LAYER = "no layer"
POLICIES = {
    **PACKAGED,
    NO_LAYER: lambda: read_layers({"timeout": TIMEOUT}),
    **{name: partial(lines, name) for name in LAYERS},
    **{name: partial(preset, name) for name in GATEWAYS},
}


class Chance:
    """The same draws for both worlds."""

    def __init__(self):
        self.asked = Counter()

    def __call__(self, layer, stream, call):
        key = layer, stream, call.request.id
        self.asked[key] += 1
        return Random(repr((key, self.asked[key]))).random()


async def apart(texts):
    """An embedder to which no two questions are alike."""
    return [[float(text.endswith(str(number))) for number in range(7)] for text in texts]


async def classifier(call):
    await asyncio.sleep(0.06)
    return "code" if call.request.task == "chat" else "chat"


async def predictor(call, targets):
    await asyncio.sleep(0.06)
    return {name: 0.85 + 0.1 * (name == "gpt-4o") for name in targets}


async def conclusion(call, outcome):
    return outcome.error or "the same"


EXPERTS = {"classifier": classifier, "predictor": predictor, "conclusion": conclusion}


def judge(accepts):
    """It accepts every answer, or none."""
    return Judge(accepts, accepts, JUDGE_S)
