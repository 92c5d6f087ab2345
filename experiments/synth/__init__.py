"""Synthetic scans from the command line: cohorts, generators, releases, and their judgement."""
