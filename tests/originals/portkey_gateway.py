"""Portkey's npm gateway as a process that listens on loopback alone, and what it is asked."""

import asyncio
import json
from pathlib import Path

import aiohttp

from upstreams import HELLO

PACKAGE = Path("node_modules/@portkey-ai/gateway")
LOOPBACK = """
import net from 'node:net';
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...words) {
  const then = words.findLast((word) => typeof word === 'function');
  this.once('listening', () => process.stderr.write(`\\nPORT ${this.address().port}\\n`));
  return listen.call(this, {port: 0, host: '127.0.0.1'}, then);
};
"""
"""Run before the gateway, which by itself listens on all interfaces, at a fixed port."""


def fault(folder):
    """Why this folder is none to compare with; empty if it is."""
    retries = Path(folder) / "node_modules/async-retry/lib/index.js"
    if not (Path(folder) / PACKAGE).is_dir() or not retries.is_file():
        return "no @portkey-ai/gateway is installed there"
    if "fn(bail, num, op)" not in retries.read_text(encoding="utf-8"):
        return "its async-retry is not repaired (docs/conformance.md says how)"
    for name, wanted in (("hono", "4.9.7"), ("@hono/node-server", "1.13.5")):
        if (found := version(folder, Path("node_modules") / name)) != wanted:
            return f"it has {name} {found}, with which streams fail, not {wanted}"
    return ""


def version(folder, package=PACKAGE):
    told = (Path(folder) / package / "package.json").read_text(encoding="utf-8")
    return json.loads(told)["version"]


class PortkeyGateway:
    """Runs for as long as the block in which it is entered."""

    def __init__(self, folder):
        self.script = Path(folder).absolute() / PACKAGE / "build/start-server.js"

    async def __aenter__(self):
        first = "data:text/javascript," + "".join(f"%{ord(c):02x}" for c in LOOPBACK)
        self.process = await asyncio.create_subprocess_exec(
            *("node", "--import", first, self.script, "--headless"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        async for line in self.process.stderr:
            if line.startswith(b"PORT "):
                self.url = f"http://127.0.0.1:{int(line.split()[1])}/v1/chat/completions"
                break
        self.rest = asyncio.create_task(self.process.stderr.read())
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(self, *_):
        await self.session.close()
        self.process.terminate()
        await self.process.wait()
        await self.rest

    async def ask(self, config, streamed):
        """The status that the caller gets in the end."""
        headers = {"x-portkey-config": json.dumps(config), "Authorization": "Bearer none"}
        body = HELLO | {"model": "m", "stream": streamed}
        async with self.session.post(self.url, json=body, headers=headers) as answer:
            await answer.read()
            return answer.status
