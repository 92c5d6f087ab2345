"""Synthetic scans under a privacy budget: a placeholder, this version has none of it yet.

The package will learn to draw new scans conditioned on what `twin` knows, account for every
look at a patient's data, and pack what may leave the hospital into a release that cannot be
written without its privacy report. It may import `twin`; `experiments` may import both.
"""
