"""The contract between policies and worlds. Standard library only; ten minutes to read.

A `Call` travels inward through the layers of a policy, an `Outcome` travels back. Files in reading
order: `call`, `outcome`, `target`, `experts`, `world`, `stack`, `params`.
"""

from simroute.core.call import Call, Request
from simroute.core.experts import Classifier, Evaluation, Predictor
from simroute.core.outcome import Outcome, Rest
from simroute.core.stack import Policy, formula, layer, registry, stack
from simroute.core.target import Allowance, Price, Target, resolve
from simroute.core.world import Cancelled, Gate, Judge, Logged, Match, Send, World

__all__ = [
    "Allowance",
    "Call",
    "Cancelled",
    "Classifier",
    "Evaluation",
    "Gate",
    "Judge",
    "Logged",
    "Match",
    "Outcome",
    "Policy",
    "Predictor",
    "Price",
    "Request",
    "Rest",
    "Send",
    "Target",
    "World",
    "formula",
    "layer",
    "registry",
    "resolve",
    "stack",
]
