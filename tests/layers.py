"""Any layer with any parameters, as hypothesis draws them from what the layer declares."""

import math
from dataclasses import MISSING

from hypothesis import strategies as st

from simroute.config import schema
from simroute.config.advice import own_mistakes
from simroute.config.fields import Form, Scalar, declared_fields
from simroute.config.yaml_reader import Document
from simroute.core import registry
from simroute.errors import InputError

NAMES = {
    "target": ["a", "b", "first", "cheapest", "other_company"],
    "task": ["chat", "other"],
    "feature": ["", "search"],
    "task or feature": ["chat", "other"],
    "provider": ["company-a", "company-b"],
    "user, task or feature": ["-", "*", "chat"],
    "provider, domain or deployment": ["company-a", "a", "company-b", "b"],
    "status": [408, 429, 500, 503],
    "zone": ["UTC", "Europe/Berlin"],
    "clock": ["00:00", "09:30"],
    "name": ["default"],
    "endpoint": ["router@c", "router@lowest-ttft|oc<1000", "router@t:1|i:2|skip_providers:none"],
}
"""Unit -> values of it that mean something in front of two scripted targets."""
MOST = {"s": 20.0, "share": 1.0, "USD": 0.02, "count": 5, "1/min": 600.0}
"""Unit -> the largest that is drawn, so that runs of a minute see an effect."""


def kinds():
    """Those of the package."""
    import simroute.gateways as registers_layers

    assert registers_layers
    return sorted(
        kind
        for kind, cls in registry.items()
        if cls.__module__.startswith(("simroute.policies", "simroute.gateways"))
    )


@st.composite
def layers_of(draw, kind):
    """A layer of this kind as a policy file could have it: about half of its keys are written,
    anything that the file's checks allow."""
    for _ in range(20):
        settings = draw(record(registry[kind]))
        try:
            made = schema.build(registry[kind], settings, Document("drawn.yaml", settings))
        except InputError:
            continue
        if not own_mistakes({kind: made}):
            return made
    return registry[kind]()


@st.composite
def record(draw, cls):
    """Keys and values of a dataclass. Whom a layer holds for is left out: in front of one
    that stands alone nobody has chosen a target."""
    made = {}
    for field in declared_fields(cls):
        if field.name == "only" and getattr(cls, "takes_only", False):
            continue
        if field.default is MISSING or draw(st.booleans()):
            made[field.name] = draw(value(field.form))
    return made


def value(form: Form):
    """What may stand in one place."""
    kinds = []
    if form.scalar is not None:
        kinds.append(scalar(form.scalar))
    if form.record is not None:
        kinds.append(record(form.record))
    if form.items is not None:
        kinds.append(st.lists(value(form.items), max_size=3, unique_by=repr))
    if form.entries is not None:
        assert form.key is not None
        kinds.append(st.dictionaries(scalar(form.key), value(form.entries), max_size=3))
    if form.optional:
        kinds.append(st.none())
    return st.one_of(kinds)


def scalar(of: Scalar):
    """One value within its range."""
    if of.choices:
        return st.sampled_from(of.choices)
    if of.unit in NAMES:
        return st.sampled_from(NAMES[of.unit])
    if of.type is bool:
        return st.booleans()
    if of.type is str:
        return st.sampled_from(["", "x"])
    low = max((each.low for each in of.ranges), default=-math.inf)
    high = min((each.high for each in of.ranges), default=math.inf)
    low = 0.0 if low == -math.inf else low
    high = min(high, max(low, MOST.get(of.unit, 5.0)))
    if of.type is int:
        return st.integers(math.ceil(low), max(math.ceil(low), math.floor(high)))
    parts = st.integers(0, 40).map(lambda n: low + (high - low) * n / 40)
    return st.one_of(parts, parts.map(lambda number: min(high, number + 0.00137)))
