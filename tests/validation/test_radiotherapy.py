"""Biologically effective doses and complications against published tables; printed and drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tests.validation.figures import save
from twin.treatments.normal_tissue import COMPLICATIONS, complication_probability
from twin.treatments.radiotherapy import (
    bed_gy,
    eqd2_gy,
    oxygen_enhancement,
    repair_factor,
    survival_fraction,
)

PUBLISHED_BED = (
    # total Gy, fractions, α/β Gy, BED Gy
    (60, 30, 10, 72.0),
    (60, 30, 2, 120.0),
    (40, 15, 10, 50.7),
    (40, 15, 2, 93.3),
    (50, 5, 10, 100.0),
    (50, 5, 3, 216.7),
    (54, 3, 10, 151.2),
    (54, 3, 3, 378.0),
)


def test_bed_and_eqd2_match_published_tables():
    for total, count, ratio, published in PUBLISHED_BED:
        found = bed_gy([total / count] * count, ratio)
        print(
            f"{total} Gy in {count}, α/β {ratio}: BED {found:.1f} Gy (published {published}),"
            f" EQD2 {eqd2_gy(found, ratio):.1f} Gy"
        )
        assert found == pytest.approx(published, abs=0.05)
    print("h_2, 6 h apart:", {t: round(repair_factor(2, 6.0, t), 3) for t in (0.5, 1.5, 4.0)})


EMAMI_TD5_GY = {
    "brain": (60.0, 50.0, 45.0),
    "brainstem": (60.0, 53.0, 50.0),
    "heart": (60.0, 45.0, 40.0),
    "optic chiasm": (None, None, 50.0),
    "spinal cord": (None, None, 47.0),
}


def test_tolerance_doses_match_the_table_of_emami():
    """Doses that harm 5 % when a third, two thirds or all of an organ gets them."""
    for organ, doses in EMAMI_TD5_GY.items():
        for thirds, dose in enumerate(doses, start=1):
            if dose is None:
                continue
            map_gy = np.repeat([dose, 0.0], [thirds * 100, 300 - thirds * 100])
            found = complication_probability(map_gy, round(dose / 2), organ)
            print(f"{organ}, {thirds}/3 with {dose:g} Gy: {100 * found:.1f} % (Emami: 5 %)")
            assert 0.03 <= found <= 0.075


def test_draw_radiotherapy():
    figure, axes = plt.subplots(1, 3, figsize=(10, 3), layout="constrained")
    dose = np.linspace(0, 25, 200)
    for onset, label in ((np.inf, "linear-quadratic"), (10.0, "linear from 10 Gy")):
        axes[0].semilogy(dose, survival_fraction(dose, 0.1, 10.0, onset_gy=onset), label=label)
    axes[0].set(title="survival, α 0.1, α/β 10 Gy", xlabel="Gy in one fraction")
    for organ in COMPLICATIONS:
        curve = [
            complication_probability(np.array([d]), max(int(d / 2), 1), organ) for d in dose * 4
        ]
        axes[1].plot(dose * 4, curve, label=organ)
        if organ in EMAMI_TD5_GY:
            axes[1].plot(EMAMI_TD5_GY[organ][2], 0.05, "k.")
    axes[1].set(title="complications, whole organ", xlabel="Gy, 2 a day", ylim=(0, 1))
    pressure = np.linspace(0, 40, 200)
    axes[2].plot(pressure, oxygen_enhancement(pressure))
    axes[2].set(title="oxygen enhancement", xlabel="mmHg")
    for axis in axes[:2]:
        axis.legend(fontsize=6)
    save(figure, "treatment-radiotherapy")
