"""What single gateways do that no general layer does, one folder each. Importing this package
registers all layers, the general ones too."""

from simroute import policies
from simroute.gateways import bifrost, litellm, unify

__all__ = ["bifrost", "litellm", "policies", "unify"]
