"""Named settings of layers: data alone."""
