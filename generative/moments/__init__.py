"""Noisy moments: a few bounded statistics of private patients steer a simulation of public ones."""
