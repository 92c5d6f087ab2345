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
        "one sub-step more or fewer than 10,000 at most",
    ),
    "models/reaction.py:146 core/NumberReplacer": (
        "equivalent",
        "an index past the only entry, which JAX moves back to it",
    ),
    "operators/selling.py:51 core/ReplaceBinaryOperator_Mul_FloorDiv": (
        "equivalent",
        "a tolerance of round-off set to 0",
    ),
    "operators/fluxes.py:80 core/NumberReplacer": (
        "equivalent",
        "faces between two voxels that are no tissue, where no cells are",
    ),
    "operators/tensors.py:158 core/NumberReplacer": (
        "equivalent",
        "which offsets without weight are kept",
    ),
    "operators/mixture.py:155 core/ReplaceTrueWithFalse": (
        "equivalent",
        "zeros in place of no derivatives, at a cost in time",
    ),
    "operators/stencil.py:147 core/NumberReplacer": (
        "gap",
        "a second check of the border that the domain has made before",
    ),
    "operators/selling.py:42 core/ReplaceComparisonOperator_Eq_Lt": (
        "gap",
        "another choice of stencil, as positive and conservative",
    ),
    "operators/pairs.py:158 core/ReplaceBinaryOperator_Sub_Mod": (
        "gap",
        "differs for tensors with 124 neighbors only, which the kit does not ask for",
    ),
    "operators/selling.py:102 core/NumberReplacer": (
        "gap",
        "differs for tensors with 124 neighbors only, which the kit does not ask for",
    ),
    "operators/explicit.py:42 core/NumberReplacer": (
        "gap",
        "one explicit sub-step too few, which rough fields with a step of R near 1.3 would show",
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
