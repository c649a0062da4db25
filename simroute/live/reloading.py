"""New files for a gateway that runs: read and checked first, and used only if they are right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from simroute.errors import InputError
from simroute.live.clients import read_clients
from simroute.live.gateway import Gateway
from simroute.live.server import Server

LOOK_S = 2.0
"""Seconds between two looks at the files."""
Stamp = tuple[int, int, int]


class Reloading:
    """Reloads when it is asked to, and when one of `files` changes.

    log: told one line for each reload, and for each mistake that prevented one; the gateway then
    goes on with the files before.
    """

    def __init__(
        self,
        gateway: Gateway,
        server: Server,
        clients: Path | None,
        files: Sequence[Path],
        log: Callable[[str], None],
    ) -> None:
        self._gateway, self._server, self._clients = gateway, server, clients
        self._files, self._log = files, log
        self._seen = self._stamps()

    async def reload(self) -> None:
        """Reads all files anew."""
        self._seen = self._stamps()
        try:
            clients = await asyncio.to_thread(read_clients, self._clients)  # it may be a long file
            await self._gateway.reload()
        except Exception as error:  # whatever it is, the next change is looked at
            lines: tuple[str, ...] = (f"a mistake of ours ({type(error).__name__})",)
            if isinstance(error, InputError):
                lines = error.lines
            self._server.not_reloaded = lines
            self._server.reload_errors += 1
            for line in lines:
                self._log(f"not reloaded: {line}")
            return
        self._server.clients, self._server.not_reloaded = clients, ()
        self._log("reloaded")

    async def watch(self) -> None:
        """Looks at the files, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._stamps() != self._seen:
                await self.reload()

    def _stamps(self) -> list[Stamp | None]:
        return [_stamp(file) for file in self._files]


def _stamp(file: Path) -> Stamp | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
