"""Why mutants of the recorded run survived: "equivalent" ones cannot be told from the original,
"killed since" ones fail a property of the kit as it is now."""

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
        "equivalent",
        "no offset within 124 neighbors reaches twice as far as (1, 1, 1)",
    ),
    "operators/selling.py:102 core/NumberReplacer": (
        "killed since",
        "by a_blob_spreads_by_its_tensor",
    ),
    "operators/explicit.py:42 core/NumberReplacer": (
        "killed since",
        "by diffusion_makes_no_new_extremes",
    ),
    "operators/stencil.py:139 core/ReplaceOrWithAnd": (
        "gap",
        "a second check of shapes that the domain has refused before",
    ),
    "operators/mixture.py:111 core/ReplaceBinaryOperator_FloorDiv_Pow": (
        "killed since",
        "by a_blob_spreads_by_its_tensor",
    ),
    "treatments/radiotherapy.py:89 core/ReplaceAndWithOr": (
        "gap",
        "refuses a repair half-time that is no number; the line has been made simpler since",
    ),
    "treatments/forcing.py:107 core/ReplaceComparisonOperator_Gt_NotEq": (
        "killed since",
        "by bad_input_is_refused_by_name",
    ),
    "treatments/normal_tissue.py:76 core/NumberReplacer": (
        "killed since",
        "by complications_rise_with_dose, since a volume effect above 1 is refused",
    ),
    "operators/tensors.py:130 core/NumberReplacer": (
        "equivalent",
        "one halving for no tensors",
    ),
    "operators/tensors.py:198 core/NumberReplacer": (
        "equivalent",
        "what stands for no tensors at all",
    ),
    "solvers/splitting.py:38 core/ReplaceFalseWithTrue": (
        "equivalent",
        "a default that every caller overrides",
    ),
    "models/reaction.py:49 core/ReplaceUnaryOperator_USub_UAdd": (
        "equivalent",
        "the last axis by its number",
    ),
    "operators/selling.py:95 core/ReplaceUnaryOperator_USub_Invert": (
        "killed since",
        "by fibers_can_be_turned, since the adapter takes 18 neighbors where the tensor allows it",
    ),
    "treatments/radiotherapy.py:85 core/NumberReplacer": (
        "killed since",
        "by bad_doses_are_refused_by_name",
    ),
    "operators/explicit.py:42 core/ReplaceBinaryOperator_Sub_Pow": (
        "gap",
        "sub-steps up to R = 1 in place of 0.65: positive still, errors of tenths of a percent",
    ),
    "treatments/concentration.py:22 core/NumberReplacer": (
        "gap",
        "the default time of a dose, which the adapter always gives",
    ),
    "treatments/concentration.py:23 core/NumberReplacer": (
        "gap",
        "the default size of a dose, which the adapter always gives",
    ),
    "treatments/radiotherapy.py:27 core/NumberReplacer": (
        "gap",
        "a published constant of oxygen, which no relation knows",
    ),
    "treatments/schedule.py:107 core/ReplaceComparisonOperator_Lt_GtE": (
        "gap",
        "which surgeries act; the kit's cases have none",
    ),
    "treatments/normal_tissue.py:210 core/NumberReplacer": (
        "gap",
        "refuses negative clonogens, which the adapter chooses itself",
    ),
    "treatments/normal_tissue.py:103 core/NumberReplacer": (
        "gap",
        "which numbers of fractions are refused; the adapter always has thirty",
    ),
    "treatments/forcing.py:160 core/NumberReplacer": (
        "equivalent",
        "another negative margin for rows without surgery",
    ),
    "operators/fluxes.py:43 core/ReplaceTrueWithFalse": (
        "equivalent",
        "the shape as a leaf of the tree: the same numbers",
    ),
    "solvers/splitting.py:90 core/ReplaceComparisonOperator_Gt_GtE": (
        "gap",
        "a voxel just at the margin; the kit's surgery finds nothing",
    ),
    "operators/tensors.py:131 core/ReplaceBinaryOperator_Add_Mul": (
        "gap",
        "how much of a tensor is kept where even 124 neighbors clip it",
    ),
    "treatments/concentration.py:55 core/NumberReplacer": (
        "gap",
        "the default body surface, which the adapter always gives",
    ),
    "models/radiation.py:109 core/ReplaceBinaryOperator_Mul_Sub": (
        "gap",
        "repair over several fractions; the kit's equations have no repair",
    ),
    "treatments/radiotherapy.py:87 core/ReplaceComparisonOperator_LtE_Eq": (
        "gap",
        "refuses repair that takes time; the kit's equations have none",
    ),
}
"""\"file:line what\" -> (equivalent, gap or killed since; why)."""
