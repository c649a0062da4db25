"""One gateway as a process: files to a server, from its start to its end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from simroute.config import catalogue
from simroute.config.scalars import DURATION, PART, SECONDS
from simroute.errors import InputError
from simroute.live.alerts import Webhook
from simroute.live.clients import read_clients
from simroute.live.gateway import Gateway
from simroute.live.log import RowLog
from simroute.live.reloading import Reloading
from simroute.live.server import Server
from simroute.sockets import Listener, is_loopback, parse_listen, until_stopped

SIZE = re.compile(r"([0-9]{1,9})(kB|KB|MB|GB|B)?")
SIZES = {"B": 1, None: 1, "kB": 1000, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000}
STATE_LINES = {
    "state_failed": "fails; budgets with at_limit: reject refuse, the others count on their own",
    "state_back": "is there again",
}


class Settings(NamedTuple):
    """What `simroute serve` is told."""

    policy: str
    deployments: Path
    clients: Path | None = None
    listen: str = "127.0.0.1:4010"
    seed: int = 0
    max_body: str = "10MB"
    drain: str = "30s"
    log: Path | None = None
    state: str | None = None
    alert: str | None = None


async def serve(settings: Settings, log: Callable[[str], None]) -> None:
    """Serves until SIGINT or SIGTERM. Raises InputError with every mistake of the files."""
    host, port = parse_listen(settings.listen)
    drain, most_body = parse_seconds("--drain", settings.drain), parse_size(settings.max_body)
    if settings.clients is None and not is_loopback(host):
        raise InputError(
            f"--listen {settings.listen}: others could call at your expense; name those who may in "
            "--clients FILE, or listen on 127.0.0.1"
        )
    clients = read_clients(settings.clients)
    name = Path(settings.policy).stem
    server = Server(clients, name, most_body)
    server.is_local = is_loopback(host)

    def watch_event(at: float, replica: int, event: str, *detail: Any) -> None:
        if event in STATE_LINES:
            log(f"state: {detail[-1]['state']} {STATE_LINES[event]}")
        server.watch_event(at, replica, event, *detail)

    webhook = None if settings.alert is None else Webhook(settings.alert, log)
    gateway = Gateway(
        settings.policy,
        settings.deployments,
        seed=settings.seed,
        state=settings.state,
        rows=server.watch_attempt,
        requests=server.watch_request,
        events=watch_event,
        alert=webhook,
    )
    server.serve(gateway)
    if settings.log is not None:
        server.log = RowLog(settings.log, lambda: gateway.serving.fleet.targets, gateway.epoch)
    listener = Listener(server.app())
    files = [catalogue.find("policies", settings.policy), settings.deployments]
    files += [settings.clients] if settings.clients is not None else []
    async with gateway:
        reloading = Reloading(gateway, server, settings.clients, files, log)
        port = await listener.start(host, port)
        for note in gateway.notes:
            log(f"note: {note}")
        log(f"serving {name} on http://{host}:{port}/v1 (Ctrl-C ends)")
        watching = asyncio.get_running_loop().create_task(reloading.watch())
        try:
            await until_stopped(reloading.reload)
        finally:
            watching.cancel()
            await gateway.close(drain)
            if webhook is not None:
                await webhook.close()
            await listener.close()
            if server.log is not None:
                server.log.close()


def parse_seconds(option: str, text: str) -> float:
    """Seconds of 30s, 2m. Raises InputError."""
    if not DURATION.fullmatch(text):
        raise InputError(f"{option}: expected a duration such as 30s, found {text[:80]!r}")
    return sum(float(amount) * SECONDS[unit] for amount, unit in PART.findall(text))


def parse_size(text: str) -> int:
    """Bytes of 10MB. Raises InputError."""
    size = SIZE.fullmatch(text)
    if size is None or int(size[1]) == 0:
        raise InputError(f"--max-body: expected a size such as 10MB, found {text[:80]!r}")
    return int(size[1]) * SIZES[size[2]]
