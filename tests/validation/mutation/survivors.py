"""Why mutants of the recorded run survive; "equivalent" ones cannot be told from the original."""

SURVIVORS: dict[str, tuple[str, str]] = {}
"""\"file:line what\" -> (equivalent, unreachable or gap; why)."""
