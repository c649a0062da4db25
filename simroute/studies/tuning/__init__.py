"""Which values of a policy's parameters serve a goal best: searched over common random numbers,
confirmed in weather that the search has not seen.

problem    what may be varied and how it is written, objectives and constraints
search     proposals, runs, a surrogate of them, their ranking, and the loop over all of these
outcome    confirmation, effects of the parameters, the tuned policy file, sentences
plan, config_file, run   a request checked, stored as config.yaml, and carried out
"""

from simroute.studies.tuning.config_file import describe_search, read_plan
from simroute.studies.tuning.outcome.tuning import Tuning
from simroute.studies.tuning.plan import SearchPlan, SearchRequest, plan_search
from simroute.studies.tuning.run import tune

__all__ = [
    "SearchPlan",
    "SearchRequest",
    "Tuning",
    "describe_search",
    "plan_search",
    "read_plan",
    "tune",
]
