"""What treatment costs: equivalent doses and probabilities that behave as their names say."""

from __future__ import annotations

from functools import partial

import numpy as np
from hypothesis import strategies as st

from twin.testing.claims import Claim, at_least, at_most, equal, refuses
from twin.testing.property import relation
from twin.testing.protocol import Subject

_SEEDS = st.integers(0, 99)


def voxel_doses(seed: int) -> np.ndarray:
    """Doses of twelve voxels of an organ, Gy."""
    return 70.0 * np.random.default_rng(seed).random(12)


@relation(
    23,
    "the survival that planning uses is the one that is simulated",
    double=1e-12,
    single=1e-6,
    needs=("survival",),
    dose=st.sampled_from([2.0, 6.0, 0.0]),
    ratio=st.sampled_from([10.0, 3.0]),
)
def survival_by_the_formula(simulator: Subject, dose: float, ratio: float) -> Claim:
    """exp(-alpha d (1 + d / (alpha/beta)))."""
    found = float(simulator.survival(dose, 0.1, ratio))
    return equal("surviving fraction", found, np.exp(-0.1 * dose * (1.0 + dose / ratio)))


@relation(
    44,
    "EQD2 is in the unit of 2 Gy fractions: of those it is the dose itself",
    double=1e-12,
    single=1e-6,
    needs=("eqd2",),
    count=st.integers(1, 35),
    ratio=st.sampled_from([3.0, 10.0, 2.0]),
)
def eqd2_of_two_gray_fractions_is_the_dose(
    simulator: Subject, count: int, ratio: float
) -> list[Claim]:
    """EQD2(n x 2 Gy) = 2 n; larger fractions weigh more, smaller ones less, negative ones fail."""
    negative = refuses(
        "a negative dose", lambda: simulator.eqd2(-2.0, count, ratio), ("dose", "negative", "gy")
    )
    return negative + [
        equal(
            f"EQD2 of {dose:g} Gy fractions",
            float(simulator.eqd2(dose, count, ratio)),
            dose * count * (dose + ratio) / (2.0 + ratio),
        )
        for dose in (2.0, 4.0, 0.5)
    ]


@relation(
    44,
    "an equivalent uniform dose lies between the least and the most that any part gets",
    double=1e-9,
    single=1e-5,
    needs=("geud",),
    seed=_SEEDS,
)
def equivalent_dose_lies_between_extremes(simulator: Subject, seed: int) -> list[Claim]:
    """min <= gEUD <= max; n = 1 is the mean, n -> 0 the maximum, and it falls with n."""
    doses = voxel_doses(seed)
    found = np.array([float(simulator.geud(doses, n)) for n in (0.01, 0.1, 0.5, 1.0)])
    return [
        at_least("gEUD", found, doses.min(), scale=doses.max()),
        at_most("gEUD", found, doses.max(), scale=doses.max()),
        at_most("gain of gEUD with n", np.diff(found), 0.0, scale=doses.max()),
        equal("gEUD at n = 1", found[-1], doses.mean()),
        equal("gEUD at n = 0.01", found[0], doses.max(), within=0.1),
    ]


@relation(
    44,
    "a complication is a probability, and more dose never lowers it",
    double=1e-12,
    single=1e-6,
    needs=("ntcp",),
    seed=_SEEDS,
)
def complications_rise_with_dose(simulator: Subject, seed: int) -> list[Claim]:
    """NTCP in [0, 1], rising with dose, near 0 without and near 1 far beyond tolerance."""
    doses = voxel_doses(seed)
    found = np.array([float(simulator.ntcp(f * doses)) for f in (0.0, 0.5, 1.0, 1.5, 9.0)])
    return [
        at_least("NTCP", found, 0.0),
        at_most("NTCP", found, 1.0),
        at_least("gain of NTCP", np.diff(found), 0.0),
        at_most("NTCP without dose", found[0], 1e-3),
        at_least("NTCP far beyond tolerance", found[-1], 0.99),
    ]


@relation(
    44,
    "so is control of the tumor",
    double=1e-12,
    single=1e-6,
    needs=("tcp",),
    seed=_SEEDS,
)
def control_rises_with_dose(simulator: Subject, seed: int) -> list[Claim]:
    """TCP in [0, 1], rising with dose."""
    doses = voxel_doses(seed)
    found = np.array([float(simulator.tcp(f * doses)) for f in (0.0, 0.5, 1.0, 1.5)])
    return [
        at_least("TCP", found, 0.0),
        at_most("TCP", found, 1.0),
        at_least("gain of TCP", np.diff(found), 0.0),
    ]


@relation(
    40,
    "a slip in the numbers of a plan must not come out as a harmless one",
    double=0.0,
    single=0.0,
    needs=("survival", "eqd2", "geud", "ntcp", "tcp"),
    examples=2,
    seed=_SEEDS,
)
def bad_doses_are_refused_by_name(simulator: Subject, seed: int) -> list[Claim]:
    """Negative doses, NaN, no voxels, and an alpha/beta or n that is not positive raise errors."""
    doses = voxel_doses(seed)
    unknown = np.where(np.arange(doses.size) == seed % doses.size, np.nan, doses)
    dose, ratio = ("dose", "gy", "negative"), ("alpha", "beta", "ratio", "positive")
    volume = ("positive", "volume", "exponent")
    calls = [("no voxels", partial(simulator.geud, doses[:0], 0.5), (*dose, "voxel", "empty"))]
    for what, wrong in (("negative doses", -doses), ("a dose that is NaN", unknown)):
        calls += [
            (f"gEUD of {what}", partial(simulator.geud, wrong, 0.5), dose),
            (f"NTCP of {what}", partial(simulator.ntcp, wrong), dose),
            (f"TCP of {what}", partial(simulator.tcp, wrong), dose),
        ]
    for wrong in (-2.0, np.nan):
        calls += [
            (f"EQD2 of {wrong:g} Gy", partial(simulator.eqd2, wrong, 5, 3.0), dose),
            (f"survival of {wrong:g} Gy", partial(simulator.survival, wrong, 0.1, 3.0), dose),
        ]
    for wrong in (0.0, -3.0):
        calls += [
            (f"EQD2 by alpha/beta {wrong:g}", partial(simulator.eqd2, 2.0, 5, wrong), ratio),
            (
                f"survival by alpha/beta {wrong:g}",
                partial(simulator.survival, 2.0, 0.1, wrong),
                ratio,
            ),
            (f"gEUD at n = {wrong:g}", partial(simulator.geud, doses, wrong), volume),
        ]
    return [claim for call in calls for claim in refuses(*call)]
