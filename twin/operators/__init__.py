"""Discrete operators on masked voxel grids."""
