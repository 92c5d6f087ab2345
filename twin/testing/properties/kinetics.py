"""Drug levels by their closed forms, and cells from images without surprises."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from twin.testing.claims import Claim, at_least, at_most, equal
from twin.testing.property import relation
from twin.testing.protocol import Subject

_RATES = st.sampled_from([0.5, 0.03, 9.2])
_DOSES = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 2.5, 7.0]), st.sampled_from([1.0, 0.5, 2.0])),
    min_size=1,
    max_size=4,
).map(tuple)


@relation(
    43,
    "the level in the blood is the sum over what each dose has left",
    double=1e-10,
    single=1e-5,
    needs=("concentration",),
    doses=_DOSES,
    rate=_RATES,
)
def drug_levels_add_up(
    simulator: Subject, doses: tuple[tuple[float, float], ...], rate: float
) -> list[Claim]:
    """Superposition of doses, and none before the first."""
    times = np.array([0.25, 1.5, 3.0, 8.0])
    whole = np.asarray(simulator.concentration(doses, rate, times), float)
    parts = sum(np.asarray(simulator.concentration((one,), rate, times), float) for one in doses)
    age = times[:, None] - np.array([t for t, _ in doses])
    amounts = np.array([a for _, a in doses])
    exact = (amounts * np.where(age >= 0.0, np.exp(-rate * np.maximum(age, 0.0)), 0.0)).sum(axis=1)
    return [equal("level", whole, parts), equal("level", whole, exact)]


@relation(
    43,
    "a drug given for long accumulates to the level that its label states",
    double=1e-10,
    single=1e-5,
    needs=("concentration",),
    rate=_RATES,
    interval=st.sampled_from([1.0, 7.0, 21.0]),
)
def repeated_doses_accumulate(simulator: Subject, rate: float, interval: float) -> Claim:
    """Peak at steady state: 1 / (1 - exp(-k tau))."""
    count = 1 + int(np.ceil(30.0 / (rate * interval)))
    doses = tuple((i * interval, 1.0) for i in range(count))
    peak = np.asarray(simulator.concentration(doses, rate, np.array([doses[-1][0]])), float)
    return equal("peak at steady state", peak, 1.0 / -np.expm1(-rate * interval))


@relation(
    43,
    "the exposure of a dose is the dose over the clearance",
    double=1e-10,
    single=1e-5,
    needs=("auc",),
    dose=st.sampled_from([100.0, 75.0]),
    clearance=st.sampled_from([268.8, 0.25]),
)
def exposure_is_dose_over_clearance(simulator: Subject, dose: float, clearance: float) -> Claim:
    """AUC = dose / CL."""
    return equal("area under the curve", simulator.auc(dose, clearance), dose / clearance)


@relation(
    41,
    "denser tissue lets water move less; fluid holds no cells",
    double=0.0,
    single=0.0,
    needs=("adc_to_cells",),
    low=st.sampled_from([0.3, 0.6]),
)
def cells_from_adc_fall_and_stay_in_bounds(simulator: Subject, low: float) -> list[Claim]:
    """The map falls with ADC, stays in 0..1, and gives 0 at and above free water."""
    adc = np.linspace(low, 4.0, 60)
    cells = np.asarray(simulator.adc_to_cells(adc), float)
    water = float(getattr(simulator, "water_adc", 3.0))
    return [
        at_most("step of the cell fraction", np.diff(cells), 0.0),
        at_least("cell fraction", cells, 0.0),
        at_most("cell fraction", cells, 1.0),
        equal("cell fraction above free water", cells[adc >= water], 0.0),
        at_least("cell fraction of dense tissue", cells[0], 0.5),
    ]
