"""What the LiteLLM Router makes of an outage: `python router.py URL`, in its own environment. Ten
calls, an outage, twenty more; prints which model answered each, None for those that failed."""

import asyncio
import json
import os
import sys
import urllib.request

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would ask the network
import litellm

litellm.telemetry = False
litellm.suppress_debug_info = True
OUTAGE = {"provider": "anthropic", "error_share": 1, "status": 529, "for": "1h"}
HELLO = [{"role": "user", "content": "hello"}]


def entry(group, model, address):
    parameters = {"model": model, "api_base": address, "api_key": "none"}
    return {"model_name": group, "litellm_params": parameters}


async def main(url):
    router = litellm.Router(
        [
            entry("claude", "anthropic/claude-sonnet-4-0", f"{url}/claude-sonnet"),
            entry("gpt", "openai/gpt-4o", f"{url}/gpt-4o/v1"),
        ],
        fallbacks=[{"claude": ["gpt"]}],
        num_retries=0,
        allowed_fails=0,
        cooldown_time=60,
        timeout=10,
    )
    answered = []
    for number in range(30):
        if number == 10:
            body = json.dumps({"outage": OUTAGE}).encode()
            await asyncio.to_thread(urllib.request.urlopen, f"{url}/control", body)
        try:
            answer = await router.acompletion("claude", messages=HELLO)
            answered.append(answer.model)
        except Exception as error:
            sys.stderr.write(f"{type(error).__name__} {str(error)[:300]}\n")
            answered.append(None)
    sys.stdout.write(json.dumps(answered))


asyncio.run(main(sys.argv[1]))
