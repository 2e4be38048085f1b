"""Statistics of small samples: intervals for a rate, exact tests for two rates."""

from seatrial.stats.intervals import Interval, clopper_pearson, wilson
from seatrial.stats.tables import fisher_exact, mcnemar_midp

__all__ = ["Interval", "clopper_pearson", "fisher_exact", "mcnemar_midp", "wilson"]
