"""Differential privacy of patients: what was taken from them, and the noise that paid for it."""
