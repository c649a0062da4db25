"""Unify's router of 2024: strings such as `llama-3.1-8b-chat@lowest-ttft|c<1`, over figures that
are measured now and then.

Facts from its documentation (routing syntax, universal API) and from its client's examples; nothing
of its code.
"""

from simroute.gateways.unify import router

__all__ = ["router"]
