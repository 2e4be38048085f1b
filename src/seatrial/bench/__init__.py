"""Arms, locks, trials, calibration and resume: the bench."""
