"""Who gets a notification: a simulated world and real logs, models of a click, decisions replayed, uplift of a random campaign.

`study.py`, `pretraining.py` and `uplift.py` are the studies; `limited.py` runs the first on a visitor's own file in a process
of its own. Importing this costs NumPy and pydantic.
"""

from replearn_core.applications.notifications.pretraining import LogPretraining, run_log_pretraining
from replearn_core.applications.notifications.study import Clicks, run_clicks
from replearn_core.applications.notifications.uplift import Uplift, run_uplift

__all__ = ["Clicks", "LogPretraining", "Uplift", "run_clicks", "run_log_pretraining", "run_uplift"]
