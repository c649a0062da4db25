"""Outages from outside: what `POST /control` may say."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from simroute.config import schema
from simroute.config.yaml_reader import Document
from simroute.errors import InputError, nearest
from simroute.models import spec
from simroute.models.faults import affected_deployments
from simroute.sockets import is_loopback

OUTAGE_S = 30.0
"""How long an outage lasts that does not say."""
ELSEWHERE = {
    **dict.fromkeys(("start", "end"), "it begins now, and lasts as long as `for` says"),
    **dict.fromkeys(
        ("mean_between", "shape", "repair", "repair_sigma", "per_year"),
        "it comes once, and lasts as long as `for` says",
    ),
}
"""Keys of a scenario's outage that mean nothing here, and why."""


def read_outage(given: Any, deployments: dict[str, spec.Deployment]) -> tuple[spec.Outage, float]:
    """An outage, and its seconds. Raises InputError with every mistake."""
    if not isinstance(given, dict):
        raise InputError('outage: expected an object, such as {"provider": "openai"}')
    problems = [f"outage: {key}: {ELSEWHERE[key]}" for key in given if key in ELSEWHERE]
    if problems:
        raise InputError(*problems)
    said = {key: value for key, value in given.items() if key != "for"}
    lasting = {"start": 0, "end": given.get("for", OUTAGE_S)}
    try:
        outage: spec.Outage = schema.build(spec.Outage, said | lasting, Document("outage", {}))
    except InputError as error:
        raise InputError(
            *(line.replace("outage: end:", "outage: for:") for line in error.lines)
        ) from None
    places = [outage.provider, outage.deployment, outage.domain]
    if sum(place is not None for place in places) != 1:
        raise InputError("outage: name one of provider, deployment and domain")
    if not isinstance(outage.end, float) or outage.end <= 0:
        raise InputError("outage: for: expected a duration, such as 30s")
    if not affected_deployments(outage, deployments):
        known = [name for d in deployments.items() for name in (d[0], d[1].provider, d[1].domain)]
        name = next(place for place in places if place is not None)
        raise InputError(
            f"outage: no deployment of this scenario is at {name}; "
            f"{nearest(name, [name for name in dict.fromkeys(known) if name is not None])}"
        )
    return outage, outage.end


def read_control(body: Any) -> Any:
    """What is said of an outage, None for the end of all. Raises InputError."""
    if not isinstance(body, dict):
        raise InputError('expected an object, such as {"outage": {"provider": "openai"}}')
    unknown = [key for key in body if key != "outage"]
    if unknown:
        raise InputError(*(f"{key}: no such key; known: outage" for key in unknown))
    return body.get("outage")


def may_control(request: web.Request) -> bool:
    """Whether a request comes from this machine, and from no page of a browser: any page could
    send one here."""
    return (
        is_loopback(request.remote or "")
        and is_loopback(request.url.host or "")
        and "Origin" not in request.headers
    )


def parse(raw: bytes) -> Any:
    """JSON. Raises ValueError."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise ValueError("the body is no JSON") from None
