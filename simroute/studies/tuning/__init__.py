"""Which values of a policy's parameters serve a goal best: searched over common random numbers,
confirmed in weather not seen before.

space      what may be varied            entries    how it is written
goals      what is wanted                plan       all of it, checked
sobol, proposers, advisor   where to look     archive, simulator    what is run
surface, outlook   what the runs say together
judge, race   who runs again                confirm, findings   what it is worth
recall, record, sheet   what is kept     tuned, words   the tuned policy, its sentences
study      from plan to result
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
