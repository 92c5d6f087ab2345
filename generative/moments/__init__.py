"""Noisy moments: a private cohort judged by one noisy sum."""
