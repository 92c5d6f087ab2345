"""Values of cells, as a task file and a table write them."""

from __future__ import annotations

Value = str | int | float


def as_text(value: Value | None) -> str | None:
    """A value as it is compared: numbers by value ("1.0" is 1), everything else as text."""
    if value is None or value != value:
        return None
    if isinstance(value, str) and "_" in value:  # which Python allows in a number: 1_000
        return value.strip()
    try:
        return f"{float(value):.12g}"
    except ValueError:
        return str(value).strip()
