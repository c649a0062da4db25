"""Run by the interpreter of an environment with TensorZero: asks its embedded gateway for what
comes in, a JSON object {config, at_once, runs: {function: streamed}}, and prints function ->
whether an answer came."""

import asyncio
import json
import sys

import tensorzero

HELLO = {"messages": [{"role": "user", "content": "hello"}]}


async def one(gateway, function, streamed, few):
    async with few:
        try:
            made = await gateway.inference(function_name=function, input=HELLO, stream=streamed)
            if streamed:
                async for _ in made:
                    pass
        except tensorzero.TensorZeroError:
            return False
        return True


async def main():
    told = json.load(sys.stdin)
    gateway = await tensorzero.AsyncTensorZeroGateway.build_embedded(config_file=told["config"])
    few = asyncio.Semaphore(told["at_once"])
    names = told["runs"]
    ends = await asyncio.gather(*(one(gateway, *run, few) for run in names.items()))
    sys.stdout.write("\n" + json.dumps(dict(zip(names, ends, strict=True))) + "\n")


asyncio.run(main())
