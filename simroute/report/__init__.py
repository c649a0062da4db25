"""The page that people look at, made from what a run has stored."""

from simroute.report.figures import SECTIONS, draw_pictures
from simroute.report.picture import Listing, Picture, RunDocuments, plotly_figures
from simroute.report.run_page import render_answer, render_page

__all__ = [
    "SECTIONS",
    "Listing",
    "Picture",
    "RunDocuments",
    "draw_pictures",
    "plotly_figures",
    "render_answer",
    "render_page",
]
