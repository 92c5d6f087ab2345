"""Synthetic scans under a privacy budget.

Cohorts of scans (`cohort`) are real or simulated in a named world (`worlds`); a generator learns
from one and draws scans for a requested condition; a release packs them with a certificate that
its receiver can check. `metrics` and `attacks` judge any synthetic cohort. The package may import
`twin`; `experiments` may import both.
"""

from generative.cohort import ScanCohort, read_cohort, write_cohort

__all__ = ["ScanCohort", "read_cohort", "write_cohort"]
