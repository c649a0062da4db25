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
    """One entry of deployments.yaml."""

    provider: Name
    model: Name
    base_url: Annotated[Name, Doc("up to /chat/completions, e.g. https://api.openai.com/v1")]
    api_key_env: Annotated[Name | None, Doc("the environment variable that holds the key")] = None
    family: Name | None = None
    price: Annotated[spec.PriceList | None, Doc("default: the catalogue's")] = None


@dataclass(frozen=True)
class Answer:
    """A complete answer, or why there is none. `status` 200 is a usable one; `usd` is what the
    whole request was billed."""

    text: str
    status: int
    target: str | None
    cached: str
    usd: float


class Gateway:
    """Runs a policy in front of OpenAI-compatible endpoints.

    policy: a name, a path, or layers by name. deployments: a path, or entries by name. judge: an
    async function of (call, outcome), for cascades. rows: called with each attempt. clock: seconds
    since 1970, as `time.time`, for budgets that follow a calendar; without it their periods count
    from the first call. Raises InputError for what cannot be used.
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
        entries = _deployments(deployments)
        targets = {
            name: Target(
                name, d.provider, d.model, d.family or d.model.split("/")[-1].split("-")[0].lower()
            )
            for name, d in entries.items()
        }
        endpoints = {
            name: Endpoint(d.base_url, d.model, _price(d), os.environ.get(d.api_key_env or "", ""))
            for name, d in entries.items()
        }
        self._transport = OpenAI(endpoints)
        prices = {name: endpoint.price for name, endpoint in endpoints.items()}
        self.world = LiveWorld(
            targets,
            prices,
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
        """Stop what runs between calls, and close the connections."""
        self.world.stop()
        await self._transport.close()

    async def complete(self, messages: list[dict[str, Any]], **options: Any) -> Answer:
        """A complete answer. options: task, user, feature, session, forbids; everything else goes
        to the provider (max_tokens, temperature …)."""
        request = self._request(messages, False, options)
        outcome = await self.world.serve(request)
        return _answer(request, outcome)

    async def stream(self, messages: list[dict[str, Any]], **options: Any) -> AsyncIterator[str]:
        """The text as it comes. Raises GatewayError when there is none, or when it breaks off."""
        request = self._request(messages, True, options)
        try:
            outcome = await self.world.begin(request)
            if outcome.rest is not None and isinstance(outcome.answer, Stream):
                reading = asyncio.ensure_future(_final(outcome.rest))
                try:
                    async for text in outcome.answer:
                        yield text
                    outcome = await reading
                finally:
                    reading.cancel()  # the caller went away: the provider's stream is closed
            elif outcome.ok:
                yield str(outcome.answer)
            if not outcome.ok:
                raise GatewayError(outcome)
        finally:
            self.world.end(request)

    def _request(
        self, messages: list[dict[str, Any]], streamed: bool, options: dict[str, Any]
    ) -> LiveRequest:
        own = {
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
            **own,
        )


class GatewayError(Exception):
    """No answer, or half of one. `outcome` says how it ended."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"status {outcome.status}{f' ({outcome.error})' if outcome.error else ''}")
        self.outcome = outcome


async def _final(rest: Rest) -> Outcome:
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


def _deployments(given: str | Path | Mapping[str, Any]) -> dict[str, LiveDeployment]:
    document = (
        yaml_reader.Document("deployments", dict(given))
        if isinstance(given, Mapping)
        else yaml_reader.read(Path(given))
    )
    made = {
        name: schema.build(LiveDeployment, data, document, (str(name),))
        for name, data in document.data.items()
    }
    if not made:
        raise InputError(f"{document.file}: at least one deployment is needed")
    return made


__all__ = ["Answer", "Gateway", "GatewayError", "LiveDeployment", "Row"]
