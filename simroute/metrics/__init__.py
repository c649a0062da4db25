"""Folds over the ledger's chunks: figures of one replication, and the evidence behind pictures."""

from simroute.metrics.evidence import Evidence
from simroute.metrics.evidence_fold import EvidenceFold
from simroute.metrics.figures import METRICS, Figures, Fold, is_share, task_metric, unit_of
from simroute.metrics.histogram import Histogram
from simroute.metrics.tallies import Context

__all__ = [
    "METRICS",
    "Context",
    "Evidence",
    "EvidenceFold",
    "Figures",
    "Fold",
    "Histogram",
    "is_share",
    "task_metric",
    "unit_of",
]
