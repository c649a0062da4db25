"""The fake providers as a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from simroute.config import yaml_reader
from simroute.config.configuration import Configuration
from simroute.errors import InputError
from simroute.mock.realtime import IDEMPOTENCY_HEADER, Providers
from simroute.mock.server import MockServer
from simroute.sockets import Listener, is_loopback, parse_listen, until_stopped


async def run_mock(
    configuration: Configuration,
    policy: str,
    listen: str,
    speed: float,
    write: Path | None,
    log: Callable[[str], None],
) -> None:
    """Answers until SIGINT or SIGTERM. Raises InputError for what cannot be."""
    host, port = parse_listen(listen)
    if not is_loopback(host):
        raise InputError("--listen: fake providers answer this machine alone; write 127.0.0.1:PORT")
    providers = Providers(configuration, policy, speed)
    listener = Listener(MockServer(providers).app())
    port = await listener.start(host, port)
    address = f"http://{host}:{port}"
    if write is not None:
        entries = deployment_entries(configuration, providers, address)
        try:
            write.write_text(yaml_reader.dump(entries), encoding="utf-8")
        except OSError as error:
            await listener.close()
            raise InputError(f"--write: {write} cannot be written ({error.strerror})") from None
        log(f"{write}: {len(entries)} deployments")
        for name, keys in unwritten_keys(configuration, providers).items():
            log(
                f"note: {name}: {', '.join(keys)}: no key of deployments.yaml; they hold here alone"
            )
    for name in configuration.scenario.deployments:
        log(f"{name}: {address}/{name}/v1")
    try:
        await until_stopped()
    finally:
        await listener.close()


def deployment_entries(
    configuration: Configuration, providers: Providers, address: str
) -> dict[str, Any]:
    """What deployments.yaml says of the fake providers: the names and prices of the scenario."""
    entries = {}
    for model in providers.world.models:
        name, deployment = model.target.name, model.spec
        price = model.price_at(providers.now)[0]
        listed = {"input": price.input, "output": price.output}
        listed |= {} if price.cached is None else {"cached": price.cached}
        listed |= {} if price.written is None else {"written": price.written}
        limits = {"rpm": model.target.rpm, "tpm": model.target.tpm}
        granted = {key: value for key, value in limits.items() if value is not None}
        entries[name] = {
            "provider": deployment.provider,
            "model": deployment.model,
            "family": model.target.family,
            "base_url": f"{address}/{name}/v1",
            "price": listed,
        } | ({"limits": granted} if granted else {})
        if model.target.knows_repeats:
            entries[name]["idempotency_header"] = IDEMPOTENCY_HEADER
    return entries


UNWRITTEN = ("itpm", "otpm", "rpd", "tpd", "quota")
"""Limits that a gateway is not told: it meets them."""


def unwritten_keys(configuration: Configuration, providers: Providers) -> dict[str, list[str]]:
    """Deployment -> keys of what it does that deployments.yaml cannot say, where there are any."""
    accounts, found = configuration.scenario.accounts, {}
    for model in providers.world.models:
        own, shared = model.spec.limits, accounts.get(model.spec.account or "")
        keys = [
            f"limits.{key}"
            for key in UNWRITTEN
            if getattr(own, key) is not None or getattr(shared, key, None) is not None
        ]
        keys += ["prices of longer prompts"] if model.price_at(providers.now)[0].tiers else []
        if keys:
            found[model.target.name] = keys
    return found
