"""Attacks on synthetic cohorts: who was in the training, what is copied, what is given away.

They can show a leak; they cannot prove that there is none. Only a privacy budget does.
"""
