"""Texture by plain loops over voxels: the second implementation that the fast one is held to."""

import itertools
from collections import Counter

import numpy as np

HALF = [d for d in itertools.product((-1, 0, 1), repeat=3) if d[::-1] > (0, 0, 0)]


def level_at(levels: np.ndarray, inside: np.ndarray, place) -> int:
    """Gray level of a voxel; 0 outside."""
    if any(p < 0 or p >= n for p, n in zip(place, inside.shape, strict=True)):
        return 0
    return int(levels[tuple(place)]) if inside[tuple(place)] else 0


def pairs(levels: np.ndarray, inside: np.ndarray) -> Counter:
    """Ordered pairs of levels of neighboring voxels, over 26 neighbors."""
    found: Counter = Counter()
    for place in np.argwhere(inside):
        for step in HALF:
            for sign in (1, -1):
                other = level_at(levels, inside, place + sign * np.array(step))
                if other:
                    found[int(levels[tuple(place)]), other] += 1
    return found


def runs(levels: np.ndarray, inside: np.ndarray) -> Counter:
    """(level, length) of straight runs, over 13 directions."""
    found: Counter = Counter()
    for step in map(np.array, HALF):
        for place in np.argwhere(inside):
            level = int(levels[tuple(place)])
            if level_at(levels, inside, place - step) == level:
                continue
            length = 1
            while level_at(levels, inside, place + length * step) == level:
                length += 1
            found[level, length] += 1
    return found


def zones(levels: np.ndarray, inside: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(level, voxels) of connected zones of one level, by a flood from each voxel."""
    seen = np.zeros(inside.shape, bool)
    found = []
    for start in map(tuple, np.argwhere(inside)):
        if seen[start]:
            continue
        seen[start] = True
        voxels, front = [start], [start]
        while front:
            place = np.array(front.pop())
            for step in HALF:
                for sign in (1, -1):
                    other = tuple(int(v) for v in place + sign * np.array(step))
                    if level_at(levels, inside, other) == levels[start] and not seen[other]:
                        seen[other] = True
                        voxels.append(other)
                        front.append(other)
        found.append((int(levels[start]), np.array(voxels)))
    return found


def distances(inside: np.ndarray) -> np.ndarray:
    """Steps across faces to the outside, by peeling the region."""
    left, distance, step = inside.copy(), np.zeros(inside.shape, int), 0
    while left.any():
        step += 1
        padded = np.pad(left, 1)
        core = left.copy()
        for axis in range(3):
            for shift in (-1, 1):
                core &= np.roll(padded, shift, axis)[1:-1, 1:-1, 1:-1]
        distance[left & ~core] = step
        left = core
    return distance


def dependences(levels: np.ndarray, inside: np.ndarray) -> Counter:
    """(level, 1 + number of equal neighbors) of voxels."""
    found: Counter = Counter()
    for place in np.argwhere(inside):
        level = int(levels[tuple(place)])
        equal = sum(
            level_at(levels, inside, place + sign * np.array(step)) == level
            for step in HALF
            for sign in (1, -1)
        )
        found[level, equal + 1] += 1
    return found


def tones(levels: np.ndarray, inside: np.ndarray, level_count: int) -> np.ndarray:
    """(2, levels): number of voxels with a neighbor, and sum of differences from its mean."""
    sums = np.zeros((2, level_count))
    for place in np.argwhere(inside):
        around = [
            level_at(levels, inside, place + sign * np.array(step))
            for step in HALF
            for sign in (1, -1)
        ]
        known = [other for other in around if other]
        if known:
            level = int(levels[tuple(place)])
            sums[:, level - 1] += 1, abs(level - np.mean(known))
    return sums
