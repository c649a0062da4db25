"""The page that people look at, made from what a run has stored."""

from simroute.report.figures import SECTIONS, pictures
from simroute.report.picture import Listing, Material, Picture
from simroute.report.run_page import brief, page

__all__ = ["SECTIONS", "Listing", "Material", "Picture", "brief", "page", "pictures"]
