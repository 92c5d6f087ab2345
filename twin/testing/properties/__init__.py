"""The named properties of the kit, grouped by file; `PROPERTIES` holds them in the list's order."""

from __future__ import annotations

import importlib

from twin.testing.property import Property

GROUPS = (
    "bounds",
    "conservation",
    "geometry",
    "time",
    "treatment",
    "growth",
    "numerics",
    "derivatives",
    "batches",
    "kinetics",
    "normal_tissue",
    "inference",
)


def _collected() -> dict[str, Property]:
    found: dict[str, Property] = {}
    for group in GROUPS:
        module = importlib.import_module(f"twin.testing.properties.{group}")
        for value in vars(module).values():
            if isinstance(value, Property):
                if value.name in found:
                    raise ValueError(f"two properties are called {value.name}")
                found[value.name] = value
    return dict(sorted(found.items(), key=lambda item: item[1].number))


PROPERTIES: dict[str, Property] = _collected()
"""Name -> property, by number in the kit's list."""
