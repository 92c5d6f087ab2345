"""Synthetic scans from the command line: cohorts that a generator learns from."""
