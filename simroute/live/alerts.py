"""Alerts: what a layer says once and somebody should hear (`alerted`), handed to a function, or
posted to an address."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from simroute.errors import InputError
from simroute.sockets import is_loopback

EVENT = "alerted"
LIMIT_S = 10.0
Alert = Callable[[Mapping[str, Any]], None]
"""Called with layer, target and whatever the layer says besides. It must not wait."""
Events = Callable[..., None]


def with_alerts(events: Events | None, alert: Alert | None) -> Events | None:
    """What hears all events, alerts among them. What an alert's receiver raises costs nothing."""
    if alert is None:
        return events

    def hear(at: float, replica: int, event: str, *detail: Any) -> None:
        if events is not None:
            events(at, replica, event, *detail)
        if event == EVENT:
            _, layer, target, words = detail
            with suppress(Exception):
                alert({"layer": layer, "target": target, **words})

    return hear


class Webhook:
    """Posts alerts as JSON to an address, in the background; tells when one was lost."""

    def __init__(self, url: str, log: Callable[[str], None]) -> None:
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
        except ValueError:
            host = ""
        if not host or not (
            parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        ):
            raise InputError(
                "--alert: expected an address such as https://HOST/PATH, to which alerts are posted"
            )
        self._url, self._log = url, log
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, alert: Mapping[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._post(dict(alert)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _post(self, alert: dict[str, Any]) -> None:
        timeout = aiohttp.ClientTimeout(total=LIMIT_S)
        headers = {"Content-Type": "application/json"}
        body = json.dumps(alert, default=str)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(self._url, data=body, headers=headers) as reply,
            ):
                if reply.status >= 300:
                    self._log(f"alert: not taken, status {reply.status}")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._log(f"alert: not sent, {type(error).__name__}")

    async def close(self) -> None:
        """Waits for those that are under way, for as long as each may take."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=LIMIT_S)
