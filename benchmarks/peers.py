"""What others spend on a call: the openai SDK alone, the LiteLLM Router, TensorZero embedded, as
far as they are installed in the environment that runs this. Prints JSON: microseconds of processor
a request, or why there are none.

`python benchmarks/peers.py ADDRESS COUNT BODY`; `benchmarks/live.py` starts it, in its own
environment and in that which SIMROUTE_LITELLM names.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

AT_ONCE = 50
Ask = Callable[[dict[str, Any]], Awaitable[Any]]
CONFIG = """
gateway.observability.enabled = false
[models.m]
routing = ["there"]
[models.m.providers.there]
type = "openai"
model_name = "m"
api_base = "ADDRESS/"
api_key_location = "none"
[functions.ask]
type = "chat"
[functions.ask.variants.m]
type = "chat_completion"
model = "m"
"""


async def openai_sdk(address: str) -> Ask:
    import openai

    client = openai.AsyncOpenAI(base_url=address, api_key="none", max_retries=0)
    return lambda body: client.chat.completions.create(model="m", **body)


async def litellm_router(address: str) -> Ask:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would ask the network
    import litellm

    litellm.telemetry = False
    litellm.suppress_debug_info = True
    parameters = {"model": "openai/m", "api_base": address, "api_key": "none"}
    entries = [{"model_name": name, "litellm_params": parameters} for name in "ab"]
    router = litellm.Router(entries, fallbacks=[{"a": ["b"]}], num_retries=1, timeout=30)
    return lambda body: router.acompletion("a", **body)


async def tensorzero(address: str) -> Ask:
    from tensorzero import AsyncTensorZeroGateway

    with TemporaryDirectory() as folder:
        file = Path(folder, "tensorzero.toml")
        file.write_text(CONFIG.replace("ADDRESS", address))
        gateway: Any = await AsyncTensorZeroGateway.build_embedded(config_file=str(file))

    def ask(body: dict[str, Any]) -> Awaitable[Any]:
        asked: Awaitable[Any] = gateway.inference(
            function_name="ask",
            input={"messages": body["messages"]},
            params={"chat_completion": {"temperature": body["temperature"]}},
            stream=body["stream"],
        )
        return asked

    return ask


PEERS = {
    "openai SDK": openai_sdk,
    "LiteLLM Router": litellm_router,
    "TensorZero": tensorzero,
}


async def measure(ask: Ask, body: dict[str, Any], count: int) -> float:
    """Microseconds of processor a request, 50 at once."""

    async def one() -> None:
        answer = await ask(body)
        if body["stream"]:
            async for _ in answer:
                pass

    async def some(number: int) -> None:
        left = [number]

        async def work() -> None:
            while left[0] > 0:
                left[0] -= 1
                await one()

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))

    await some(AT_ONCE)
    began = time.process_time()
    await some(count)
    return (time.process_time() - began) / count * 1e6


async def main(address: str, count: int, body: dict[str, Any]) -> None:
    told: dict[str, float | str] = {}
    for name, build in PEERS.items():
        try:
            told[name] = await measure(await build(address), body, count)
        except ImportError:
            told[name] = "not installed"
        except Exception as error:
            told[name] = f"did not run ({type(error).__name__}: {str(error)[:100]})"
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])))
