"""The LiteLLM Router: groups of deployments, retries within a group, cooldowns, fallback groups.

Facts from its source and from runs of the unmodified Router in virtual time, versions 1.83.14 and
1.109.1; nothing of its code.
"""

from simroute.gateways.litellm import router

__all__ = ["router"]
