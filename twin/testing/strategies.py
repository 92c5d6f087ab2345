"""Hypothesis strategies for tumor simulators: masks, domains, tensors, schedules, cases, patients.

    from hypothesis import given
    from twin.testing import strategies

    @given(strategies.cases(treated=True))
    def test_mine(case): ...

Few array shapes and few counts of time steps occur, since compiling programs anew dominates the
time of many simulators; masks and values vary freely. What is drawn first and shrunk to is plain:
a box of tissue with a margin, voxels of 1 mm, a uniform state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from twin.testing.case import Case, Drug

if TYPE_CHECKING:
    from twin.domain import Domain
    from twin.patient import Patient

CUBE = (7, 7, 7)
SPACINGS = ((1.0, 1.0, 1.0), (1.0, 1.5, 2.0))
TIMES = (4.0, 10.0)
ONE_STEP = (2.0, 10.0)
"""Times of which the first is seen before later steps smooth what the first one did."""
STEP_DAYS = 0.5
INITIALS = ("uniform", "spots", "blob", "rough")
STEEP = ("lone", "spots", "rough")
"""Densities that are hard on diffusion."""
TREATMENT_DAYS = st.integers(0, 9).map(float)


def box_mask(shape: tuple[int, int, int] = CUBE) -> np.ndarray:
    """Tissue everywhere but in the outermost layer."""
    mask = np.zeros(shape, bool)
    mask[1:-1, 1:-1, 1:-1] = True
    return mask


@st.composite
def masks(draw: st.DrawFn, shape: tuple[int, int, int] = CUBE, touching: bool = True) -> np.ndarray:
    """Tissue masks: a box, one with holes, a thin sheet, two pieces, the whole array.

    Args:
        draw: given by Hypothesis.
        shape: of the array.
        touching: whether tissue may touch the border of the array.
    """
    kinds = ["box", "notched", "sheet", "pieces"] + (
        ["whole", "whole, notched"] if touching else []
    )
    kind = draw(st.sampled_from(kinds))
    mask = np.ones(shape, bool) if kind.startswith("whole") else box_mask(shape)
    if kind == "sheet":
        axis, thickness = draw(st.integers(0, 2)), draw(st.integers(1, 2))
        low = draw(st.integers(1, shape[axis] - 1 - thickness))
        keep = np.zeros(shape[axis], bool)
        keep[low : low + thickness] = True
        mask &= np.expand_dims(keep, tuple({0, 1, 2} - {axis}))
    elif kind == "pieces":
        axis = draw(st.integers(0, 2))
        wall = [slice(None)] * 3
        wall[axis] = slice(shape[axis] // 2, shape[axis] // 2 + 1)
        mask[tuple(wall)] = False
    elif kind.endswith("notched"):
        seed = draw(st.integers(0, 99))
        mask &= np.random.default_rng(seed).random(shape) < 0.8
        mask[tuple(n // 2 for n in shape)] = True
    return mask


@st.composite
def initials(
    draw: st.DrawFn,
    mask: np.ndarray,
    capacity: float = 1.0,
    share: float = 1.0,
    kinds: tuple[str, ...] = INITIALS,
) -> np.ndarray:
    """Densities inside a mask: uniform, a few voxels, a smooth blob, independent values, or the one
    voxel in the middle.

    Args:
        draw: given by Hypothesis.
        mask: (x, y, z) bool.
        capacity: carrying capacity.
        share: largest density as a share of the capacity.
        kinds: of densities to draw from.
    """
    kind = draw(st.sampled_from(kinds))
    level = draw(st.sampled_from([0.5, 0.1, 0.9, 1.0])) * share * capacity
    voxels = np.argwhere(mask)
    if kind == "uniform":
        return np.where(mask, level, 0.0)
    if kind == "rough":
        seed = draw(st.integers(0, 99))
        return np.where(mask, level * np.random.default_rng(seed).random(mask.shape), 0.0)
    field = np.zeros(mask.shape)
    if kind == "lone":
        middle = (np.array(mask.shape) - 1) / 2
        field[tuple(voxels[((voxels - middle) ** 2).sum(axis=1).argmin()])] = level
        return field
    if kind == "spots":
        for index in draw(st.lists(st.integers(0, len(voxels) - 1), min_size=1, max_size=3)):
            field[tuple(voxels[index])] = level
        return field
    center = voxels[draw(st.integers(0, len(voxels) - 1))]
    distance = ((np.indices(mask.shape) - center[:, None, None, None]) ** 2).sum(axis=0)
    return np.where(mask, level * np.exp(-distance / 4.0), 0.0)


@st.composite
def fields(draw: st.DrawFn, mask: np.ndarray, low: float, high: float) -> np.ndarray:
    """A diffusivity field between two values, mm²/day: layers, or each voxel its own."""
    if draw(st.booleans()):
        return low + (high - low) * np.random.default_rng(draw(st.integers(0, 99))).random(
            mask.shape
        )
    axis = draw(st.integers(0, 2))
    return np.where(np.indices(mask.shape)[axis] % 4 < 2, low, high).astype(float)


@st.composite
def tensors(draw: st.DrawFn, ratio: float = 5.0) -> np.ndarray:
    """A symmetric (3, 3) diffusion tensor, mm²/day, at various angles to the axes.

    Args:
        draw: given by Hypothesis.
        ratio: of the largest eigenvalue, 0.2 mm²/day, to the others.
    """
    angle = draw(st.sampled_from([0.25, -0.25, 0.0, 0.5, 0.1])) * np.pi
    tilt = draw(st.sampled_from([0.0, 0.25, 0.15])) * np.pi
    flat = np.cos(tilt)
    along = np.array([np.cos(angle) * flat, np.sin(angle) * flat, np.sin(tilt)])
    return 0.2 * (np.eye(3) / ratio + (1.0 - 1.0 / ratio) * np.outer(along, along))


def tensor_field(tensor: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """(3, 3, x, y, z) field of one tensor."""
    return np.multiply.outer(tensor, np.ones(shape))


@st.composite
def fractions(draw: st.DrawFn, count: int = 3) -> tuple[tuple[float, float], ...]:
    """Radiotherapy: `count` fractions on whole days, two of them possibly on one."""
    dose = st.sampled_from([2.0, 1.0, 3.0, 6.0])
    return tuple(draw(st.tuples(TREATMENT_DAYS, dose)) for _ in range(count))


@st.composite
def drugs(draw: st.DrawFn, count: int = 2, doses: int = 2) -> tuple[Drug, ...]:
    """Drugs, the first leaving within days (k = 0.5/day), the second within hours (9.2/day).

    They are given on whole days, two doses possibly on one.
    """
    return tuple(
        Drug(
            draw(st.sampled_from([0.2, 0.05, 0.5])),
            (0.5, 9.2)[number % 2],
            tuple(
                draw(st.tuples(TREATMENT_DAYS, st.sampled_from([1.0, 0.5, 2.0])))
                for _ in range(doses)
            ),
        )
        for number in range(count)
    )


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    shape: tuple[int, int, int] = CUBE,
    touching: bool = True,
    growing: bool = True,
    treated: bool = False,
    uniform: bool = False,
    steep: bool = False,
    isotropic: bool = True,
    field: bool | None = False,
    capacities: tuple[float, ...] = (1.0,),
    share: float = 1.0,
    times_days: tuple[float, ...] = TIMES,
    dt_days: float | None = STEP_DAYS,
) -> Case:
    """A whole case.

    Args:
        draw: given by Hypothesis.
        shape: of the arrays.
        touching: whether tissue may touch the border of the array.
        growing: False for no proliferation.
        treated: whether fractions and drugs are given.
        uniform: whether the density is the same everywhere.
        steep: whether neighboring voxels differ much, which is hard on diffusion.
        isotropic: whether voxels are cubes.
        field: whether the diffusivity differs between voxels; None draws it.
        capacities: carrying capacities to draw from.
        share: largest initial density as a share of the capacity.
        times_days: times wanted.
        dt_days: longest step wanted.
    """
    mask = draw(masks(shape, touching))
    spacing = (1.0, 1.0, 1.0) if isotropic else draw(st.sampled_from(SPACINGS))
    capacity = draw(st.sampled_from(capacities))
    level = draw(st.sampled_from([0.1, 0.02, 0.3]))
    varied = draw(st.booleans()) if field is None else field
    if uniform:
        start = np.where(mask, draw(st.sampled_from([0.5, 0.05, 0.9])) * share * capacity, 0.0)
    else:
        start = draw(initials(mask, capacity, share, STEEP if steep else INITIALS))
    return Case(
        mask=mask,
        spacing_mm=spacing,
        initial=start,
        diffusivity=draw(fields(mask, 0.2 * level, level)) if varied else level,
        proliferation_rate=draw(st.sampled_from([0.05, 0.01, 0.2])) if growing else 0.0,
        carrying_capacity=capacity,
        times_days=times_days,
        fractions=draw(fractions()) if treated else (),
        alpha=draw(st.sampled_from([0.1, 0.03, 0.3])) if treated else 0.0,
        alpha_beta_ratio=draw(st.sampled_from([10.0, 3.0])),
        drugs=draw(drugs()) if treated else (),
        dt_days=dt_days,
    )


def courses(**keywords: Any) -> st.SearchStrategy[Case]:
    """Untreated and treated cases; arguments as in `cases`."""
    return st.one_of(cases(**keywords), cases(treated=True, **keywords))


FAULTS: dict[str, tuple[str, ...]] = {
    "initial is NaN": ("initial", "density", "fraction", "cell", "finite", "nan"),
    "initial is negative": ("initial", "density", "fraction", "cell", "negative"),
    "initial is above the capacity": ("initial", "density", "fraction", "cell", "capacity"),
    "initial has another shape": ("initial", "shape", "size", "dimension"),
    "mask is empty": ("mask", "tissue", "domain", "empty"),
    "spacing is negative": ("spacing", "voxel", "positive"),
    "spacing is NaN": ("spacing", "voxel", "finite", "nan"),
    "diffusivity is negative": ("diffusivity", "diffusion", "negative"),
    "diffusivity is NaN": ("diffusivity", "diffusion", "finite", "nan"),
    "proliferation rate is NaN": ("proliferation", "growth", "rate", "finite", "nan"),
    "carrying capacity is 0": ("capacity", "positive"),
    "dose is negative": ("dose", "fraction", "gy", "negative"),
    "dose is NaN": ("dose", "fraction", "gy", "finite", "nan"),
    "dose is in cGy": ("dose", "fraction", "gy"),
    "time of a fraction is NaN": ("time", "fraction", "day", "nan"),
    "alpha/beta is 0": ("alpha", "ratio", "beta"),
    "drug amount is negative": ("dose", "drug", "amount", "negative"),
    "times do not increase": ("time", "increas", "order"),
    "longest step is negative": ("step", "dt", "positive", "negative"),
    "times precede the start": ("time", "start", "order", "before", "preced"),
}
"""Ways to spoil a case, and words of which a good error message has at least one."""


def broken(case: Case, fault: str) -> Case:
    """The case with one fault of `FAULTS`."""
    first = tuple(np.argwhere(case.mask)[0])

    def spoiled(value: float) -> np.ndarray:
        field = np.array(case.initial)
        field[first] = value
        return field

    def with_fraction(time_days: float, dose_gy: float) -> dict[str, Any]:
        return {"fractions": ((time_days, dose_gy), *case.fractions), "alpha": case.alpha or 0.1}

    bad_drug = Drug(0.1, 0.5, ((1.0, -1e-3),))
    start, last = case.start_days, case.times_days[-1]
    changes: dict[str, dict[str, Any]] = {
        "initial is NaN": {"initial": spoiled(np.nan)},
        "initial is negative": {"initial": spoiled(-0.5)},
        "initial is above the capacity": {"initial": spoiled(3.0 * case.carrying_capacity)},
        "initial has another shape": {"initial": np.asarray(case.initial)[1:]},
        "mask is empty": {"mask": np.zeros_like(case.mask), "initial": 0.0 * case.initial},
        "spacing is negative": {"spacing_mm": (-1.0, *case.spacing_mm[1:])},
        "spacing is NaN": {"spacing_mm": (np.nan, *case.spacing_mm[1:])},
        "diffusivity is negative": {"diffusivity": -0.1},
        "diffusivity is NaN": {"diffusivity": np.nan},
        "proliferation rate is NaN": {"proliferation_rate": np.nan},
        "carrying capacity is 0": {"carrying_capacity": 0.0},
        "dose is negative": with_fraction(start + 1.0, -1e-3),
        "dose is NaN": with_fraction(start + 1.0, np.nan),
        "dose is in cGy": with_fraction(start + 1.0, 200.0),
        "time of a fraction is NaN": with_fraction(np.nan, 2.0),
        "alpha/beta is 0": with_fraction(start + 1.0, 2.0) | {"alpha_beta_ratio": 0.0},
        "drug amount is negative": {"drugs": (bad_drug,)},
        "times do not increase": {"times_days": (last, *case.times_days[1:-1], last - 1.0)},
        "longest step is negative": {"dt_days": -1.0},
        "times precede the start": {"start_days": last + 1.0},
    }
    return case.but(**changes[fault])


@st.composite
def broken_inputs(draw: st.DrawFn) -> tuple[Case, str]:
    """A case with one fault, and the name of the fault in `FAULTS`."""
    fault = draw(st.sampled_from(sorted(FAULTS)))
    return broken(draw(cases(touching=False)), fault), fault


@st.composite
def domains(draw: st.DrawFn, shape: tuple[int, int, int] = CUBE) -> Domain:
    """A `twin.Domain` with one or two tissues; needs JAX."""
    from twin.domain import make_domain

    mask = draw(masks(shape, touching=False))
    spacing = draw(st.sampled_from(SPACINGS))
    if not draw(st.booleans()):
        return make_domain(mask, spacing)
    share = np.random.default_rng(draw(st.integers(0, 99))).random(shape)
    return make_domain(mask, spacing, {"white": 1.0 - share, "grey": share})


@st.composite
def patients(draw: st.DrawFn, shape: tuple[int, int, int] = CUBE) -> Patient:
    """A `twin.Patient` with one to three visits, an outline at each, and radiotherapy."""
    from twin.grid import Grid
    from twin.imaging.image import Image
    from twin.patient import SITES, Patient, Visit
    from twin.treatments.schedule import Fraction, Schedule

    grid = Grid.from_spacing(shape, draw(st.sampled_from(SPACINGS)))
    tissue = draw(masks(shape, touching=False))
    days = sorted(draw(st.sets(st.integers(1, 90), min_size=0, max_size=2)))
    visits = []
    for number, day in enumerate([0, *days]):
        seen = draw(initials(tissue))
        outline = (seen > 0.4 * seen.max()) & tissue
        adc = Image(np.where(tissue, 2.4 - 1.4 * seen, 0.0), grid, "ADC", "1e-3 mm2/s")
        visits.append(Visit(f"visit {number}", float(day), {"ADC": adc}, {"gtv": outline}))
    doses = tuple(Fraction(t, d) for t, d in draw(fractions()))
    return Patient(
        id="drawn",
        site=draw(st.sampled_from(SITES)),
        grid=grid,
        tissue=tissue,
        tissues={},
        visits=tuple(visits),
        treatments=Schedule(doses),
        simulated_note="everything",
    )
