"""Why mutants of the recorded run survive; "equivalent" ones cannot be told from the original."""

SURVIVORS: dict[str, tuple[str, str]] = {
    "operators/stencil.py:56 core/ReplaceTrueWithFalse": (
        "equivalent",
        "offsets as leaves of the tree: the same numbers",
    ),
    "operators/tensors.py:146 core/NumberReplacer": (
        "equivalent",
        "longer codes of the offsets, still one for each",
    ),
    "operators/transport.py:16 core/NumberReplacer": (
        "equivalent",
        "a threshold of choice, moved from 30 to 31",
    ),
    "operators/explicit.py:21 core/NumberReplacer": (
        "equivalent",
        "10,001 sub-steps of a step at most in place of 10,000",
    ),
    "models/reaction.py:146 core/NumberReplacer": (
        "equivalent",
        "an index past the only entry, which JAX moves back to it",
    ),
    "operators/stencil.py:139 core/ReplaceOrWithAnd": (
        "gap",
        "a second check of shapes that the domain has refused before",
    ),
    "operators/mixture.py:111 core/ReplaceBinaryOperator_FloorDiv_Pow": (
        "gap",
        "differs for tensors with 124 neighbors only, which the kit does not ask for",
    ),
    "treatments/radiotherapy.py:89 core/ReplaceAndWithOr": (
        "gap",
        "refuses a repair half-time that is no number; the kit's equations have no repair",
    ),
    "treatments/forcing.py:107 core/ReplaceComparisonOperator_Gt_NotEq": (
        "gap",
        "refuses a negative longest step, which a simulator without steps may ignore",
    ),
    "treatments/normal_tissue.py:76 core/NumberReplacer": (
        "gap",
        "a published constant of one organ, which no relation knows",
    ),
}
"""\"file:line what\" -> (equivalent or gap; why)."""
