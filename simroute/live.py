"""The same policy, live: `Gateway` composes layers, endpoints and the live world.

async with sr.live.Gateway(policy="circuit_breaker", deployments="deployments.yaml") as gateway:
    answer = await gateway.complete(messages=[{"role": "user", "content": "Hello"}])
"""

from __future__ import annotations

import asyncio
import copy
import json
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Annotated, Any

from simroute.config import schema, yaml_reader
from simroute.config.loading import load_layers
from simroute.core import Outcome, Price, Rest, Target
from simroute.core.params import Doc, Name
from simroute.errors import InputError
from simroute.models import spec
from simroute.models.prices import catalogue_price
from simroute.worlds.live import LiveRequest, LiveWorld, Row

try:
    from simroute.worlds.live.openai import Endpoint, OpenAI, Stream
except ImportError as error:  # pragma: no cover
    raise ImportError("live use needs the extra: pip install 'simroute[live]'") from error


@dataclass(frozen=True)
class LiveDeployment:
    """One entry of deployments.yaml: where a model is reached, and what it costs."""

    provider: Name
    model: Name
    base_url: Annotated[Name, Doc("up to /chat/completions, e.g. https://api.openai.com/v1")]
    api_key_env: Annotated[Name | None, Doc("the environment variable that holds the key")] = None
    family: Name | None = None
    price: Annotated[spec.PriceList | None, Doc("default: the catalogue's")] = None


@dataclass(frozen=True)
class Answer:
    """A complete answer, or why there is none.

    >>> answer = await gateway.complete(messages)
    >>> answer.text if answer.status == 200 else answer.status

    text: empty without an answer. status: 200 for a usable answer. target: the deployment that
        answered. cached: "no", "exact" or "semantic". usd: what the whole request was billed.
    """

    text: str
    status: int
    target: str | None
    cached: str
    usd: float


class Gateway:
    """Runs a policy in front of OpenAI-compatible endpoints.

    >>> async with Gateway("circuit_breaker", "deployments.yaml") as gateway:
    ...     answer = await gateway.complete([{"role": "user", "content": "Hello"}])

    policy: a name, a path, or layers by name. deployments: a path, or entries by name. judge: an
    async function of (call, outcome), for cascades. rows, events: called with each attempt, and
    with each event of a layer. clock: seconds since 1970, as `time.time`, for budgets that follow a
    calendar; without it their periods count from the first call. Raises InputError for a policy or
    deployments that cannot be used.
    """

    def __init__(
        self,
        policy: str | Mapping[str, Any],
        deployments: str | Path | Mapping[str, Any],
        *,
        seed: int = 0,
        judge: Any = None,
        rows: Any = None,
        events: Any = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        layers = load_layers(policy) if isinstance(policy, str) else dict(policy)
        entries = _read_deployments(deployments)
        endpoints = {name: _endpoint(entry) for name, entry in entries.items()}
        self._transport = OpenAI(endpoints)
        self.world = LiveWorld(
            {name: _target(name, entry) for name, entry in entries.items()},
            {name: endpoint.price for name, endpoint in endpoints.items()},
            self._transport,
            [copy.deepcopy(layers)],
            seed=seed,
            rows=rows,
            events=events,
            judge=judge,
            clock=clock,
        )
        self._ids = count()

    async def __aenter__(self) -> Gateway:
        self.world.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Stops what runs between calls, and closes the connections."""
        self.world.stop()
        await self._transport.close()

    async def complete(self, messages: list[dict[str, Any]], **options: Any) -> Answer:
        """Returns a complete answer. options: task, user, feature, session, forbids; everything
        else goes to the provider (max_tokens, temperature …)."""
        request = self._request(messages, False, options)
        outcome = await self.world.serve(request)
        return _answer(request, outcome)

    async def stream(self, messages: list[dict[str, Any]], **options: Any) -> AsyncIterator[str]:
        """Yields the text as it comes. Raises GatewayError without an answer, or when it breaks
        off."""
        request = self._request(messages, True, options)
        try:
            outcome = await self.world.begin(request)
            if outcome.rest is not None and isinstance(outcome.answer, Stream):
                final = asyncio.ensure_future(_await(outcome.rest))
                try:
                    async for text in outcome.answer:
                        yield text
                    outcome = await final
                finally:
                    final.cancel()  # the caller went away: the provider's stream is closed
            elif outcome.ok:
                yield str(outcome.answer)
            if not outcome.ok:
                raise GatewayError(outcome)
        finally:
            self.world.end(request)

    def _request(
        self, messages: list[dict[str, Any]], streamed: bool, options: dict[str, Any]
    ) -> LiveRequest:
        about = {
            name: options.pop(name)
            for name in ("task", "user", "feature", "session", "forbids")
            if name in options
        }
        payload = {**options, "messages": messages}
        text = "\n".join(str(message.get("content", "")) for message in messages)
        most = int(options.get("max_tokens") or options.get("max_completion_tokens") or 4096)
        key = json.dumps(payload, sort_keys=True, ensure_ascii=False)
        return LiveRequest(
            next(self._ids),
            key,
            asyncio.get_running_loop().time(),
            input_tokens=max(1, len(text) // 4),
            max_output_tokens=most,
            streamed=streamed,
            payload=payload,
            text=text,
            **about,
        )


class GatewayError(Exception):
    """There was no answer, or half of one; `outcome` says how the request ended."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"status {outcome.status}{f' ({outcome.error})' if outcome.error else ''}")
        self.outcome = outcome


async def _await(rest: Rest) -> Outcome:
    return await rest


def _answer(request: LiveRequest, outcome: Outcome) -> Answer:
    return Answer(
        str(outcome.answer or ""), outcome.status, outcome.target, outcome.cached, request.usd
    )


def _price(deployment: LiveDeployment) -> Price:
    if deployment.price is not None:
        return Price(deployment.price.input, deployment.price.output)
    try:
        return catalogue_price(deployment.provider, deployment.model, None)
    except ValueError as error:
        raise InputError(str(error)) from None


def _target(name: str, entry: LiveDeployment) -> Target:
    family = entry.family or entry.model.split("/")[-1].split("-")[0].lower()
    return Target(name, entry.provider, entry.model, family)


def _endpoint(entry: LiveDeployment) -> Endpoint:
    key = os.environ.get(entry.api_key_env or "", "")
    return Endpoint(entry.base_url, entry.model, _price(entry), key)


def _read_deployments(source: str | Path | Mapping[str, Any]) -> dict[str, LiveDeployment]:
    document = (
        yaml_reader.Document("deployments", dict(source))
        if isinstance(source, Mapping)
        else yaml_reader.read(Path(source))
    )
    deployments = {
        name: schema.build(LiveDeployment, data, document, (str(name),))
        for name, data in document.data.items()
    }
    if not deployments:
        raise InputError(f"{document.file}: at least one deployment is needed")
    return deployments


__all__ = ["Answer", "Gateway", "GatewayError", "LiveDeployment", "Row"]
