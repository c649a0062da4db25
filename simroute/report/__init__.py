"""The page that people look at, made from what a run has stored."""

from simroute.report.figures import SECTIONS, pictures
from simroute.report.page import brief, page
from simroute.report.picture import Material, Picture

__all__ = ["SECTIONS", "Material", "Picture", "brief", "page", "pictures"]
