"""An embedder behind HTTP: OpenAI's /embeddings."""

from __future__ import annotations

import json

from simroute.live.semantics import Embedded
from simroute.worlds.live.answers import MOST_TOKENS, loads
from simroute.worlds.live.connections import Endpoint, Pool
from simroute.worlds.live.http import read_body


class Embeddings:
    """Asks one endpoint. Raises whatever goes wrong."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._pool = Pool(endpoint, path="/embeddings")

    async def __call__(self, texts: list[str]) -> Embedded:
        asked = {"input": texts, "encoding_format": "float"}
        response = await self._pool.post(self._pool.model + json.dumps(asked).encode()[1:])
        try:
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            said = loads(await read_body(response))
        finally:
            response.close()
        entries = sorted(said["data"], key=lambda entry: int(entry["index"]))
        tokens = (said.get("usage") or {}).get("prompt_tokens")
        is_told = type(tokens) is int and 0 <= tokens <= MOST_TOKENS
        return Embedded([entry["embedding"] for entry in entries], tokens if is_told else None)

    async def close(self) -> None:
        await self._pool.close()
