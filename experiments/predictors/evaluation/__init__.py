"""Evaluation on arrays: folds, concordance, intervals, controls, calibration, sets, leakage."""
