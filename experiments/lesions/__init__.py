"""Lesions of trials: populations, forecasts of single lesions, and what they are worth."""
