"""The oxygen of a voxel against a tissue cylinder resolved to a tenth of a micrometer.

Each test prints its figures; the plot goes to docs/validation.
"""

from functools import cache

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.linalg import solve_banded

from tests.validation.figures import save
from twin.models import Hypoxia
from twin.models.oxygen import Oxygen, oxygen_of

TABLE = Hypoxia().table("generic", (), ("tissue",))
MEDIANS = {name: float(row.prior.transform(0.0)) for name, row in TABLE.items()}
CELLS = 1000
DENSITIES = (25.0, 35.0, 50.0, 75.0, 100.0, 200.0, 400.0)
"""Vessels per mm²: 113 to 28 µm from a vessel to the border of its tissue."""


def oxygen(**changes: float) -> Oxygen:
    """Oxygen at the medians of the priors but for what is changed."""
    return oxygen_of({name: jnp.asarray(v) for name, v in (MEDIANS | changes).items()})


def closure_mmhg(viable: np.ndarray | float, **changes: float) -> np.ndarray:
    """Mean tension by the closure."""
    return MEDIANS["vessel_oxygen"] * np.asarray(oxygen(**changes).tension(jnp.asarray(viable)))


@cache
def cylinder(viable: float, density: float, half_mmhg: float) -> tuple[np.ndarray, np.ndarray]:
    """Volumes of rings around a vessel and their tensions, mmHg.

    Finite volumes in the radius, Newton's method: D/r d/dr (r dp/dr) = M u p / (p + K), p_v at the
    vessel, no flux at the border of its tissue.
    """
    diffusivity = MEDIANS["oxygen_diffusivity"] / 86400.0
    inner, outer = MEDIANS["vessel_radius"] * 1e-3, 1.0 / np.sqrt(np.pi * density)
    edges = np.linspace(inner, outer, CELLS + 1)
    volumes = 0.5 * np.diff(edges**2)
    step = edges[1] - edges[0]
    through = diffusivity * edges / step
    through[0], through[-1] = 2.0 * through[0], 0.0
    rate = MEDIANS["oxygen_consumption"] * viable * volumes
    tension = np.full(CELLS, MEDIANS["vessel_oxygen"])
    for _ in range(200):
        use, slope = rate * tension / (tension + half_mmhg), rate * half_mmhg
        slope = slope / (tension + half_mmhg) ** 2
        flux = through * np.diff(tension, prepend=MEDIANS["vessel_oxygen"], append=tension[-1])
        residual = np.diff(flux) - use
        bands = np.zeros((3, CELLS))
        bands[0, 1:], bands[2, :-1] = through[1:-1], through[1:-1]
        bands[1] = -(through[:-1] + through[1:]) - slope
        change = solve_banded((1, 1), bands, -residual)
        tension = np.maximum(tension + change, 0.1 * tension)
        if np.abs(change).max() < 1e-10:
            return volumes / volumes.sum(), tension
    raise AssertionError("Newton's method did not converge")


def mean_mmhg(viable: float, density: float, half_mmhg: float = MEDIANS["consumption_half_point"]):
    volumes, tension = cylinder(viable, density, half_mmhg)
    return float(volumes @ tension)


@pytest.mark.parametrize("density", [100.0, 200.0, 400.0])
def test_the_closure_is_exact_where_consumption_does_not_depend_on_the_tension(density):
    """Up to the cells that lie where the tension would fall below 0."""
    viable, half = 0.5, 1e-4
    exact = mean_mmhg(viable, density, half)
    found = closure_mmhg(viable, vessel_density=density, consumption_half_point=half)
    print(f"{density:g} vessels/mm²: cylinder {exact:.4f}, closure {float(found):.4f} mmHg")
    assert cylinder(viable, density, half)[1].min() > 1.0
    assert float(found) == pytest.approx(exact, abs=2e-3)


def test_the_error_of_the_closure_with_saturable_consumption():
    """Printed and plotted: what a mean tension loses against the profile that it stands for."""
    densities = np.array(DENSITIES)
    shares = np.linspace(0.05, 1.0, 20)
    errors, figure = {}, plt.figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for density in densities:
        exact = np.array([mean_mmhg(float(u), float(density)) for u in shares])
        found = closure_mmhg(shares, vessel_density=float(density))
        errors[float(density)] = found - exact
        print(
            f"{density:g} vessels/mm²: largest error {np.abs(found - exact).max():.2f} mmHg, full"
            f" of cells {exact[-1]:.2f} mmHg by the cylinder, {found[-1]:.2f} by the closure"
        )
        if density in (25.0, 50.0, 100.0, 400.0):
            (line,) = left.plot(shares, exact, label=f"{density:g} vessels/mm²")
            left.plot(shares, found, "o", ms=3, color=line.get_color())
    left.set(xlabel="viable cells, fraction of capacity", ylabel="mean tension, mmHg")
    left.set_title("line: cylinder, points: closure", fontsize=9)
    left.set_ylim(0.0, 56.0)
    left.legend(fontsize=7, loc="upper center", ncols=2)
    half = MEDIANS["consumption_half_point"]
    resolved = [cylinder(1.0, float(d), half) for d in np.geomspace(15.0, 300.0, 60)]
    by_closure = [float(closure_mmhg(1.0, vessel_density=d)) for d in np.geomspace(15, 300, 60)]
    for limit in (10.0, 2.5):
        below = [float(v[t < limit].sum()) for v, t in resolved]
        right.plot(by_closure, below, label=f"cylinder below {limit:g} mmHg")
        middle = float(np.interp(-0.5, -np.array(below), by_closure))
        print(f"half of the cylinder is below {limit:g} mmHg where the closure has {middle:.1f}")
    tension = np.linspace(0.1, 39.0, 200)
    share = oxygen().hypoxic(jnp.asarray(tension / MEDIANS["vessel_oxygen"]))
    right.plot(tension, share, "k--", lw=1, label="hypoxic share of the model")
    right.set(xlabel="mean tension by the closure, mmHg", ylabel="share", xlim=(0, 40))
    right.legend(fontsize=8)
    save(figure, "oxygen-closure")
    worst = max(np.abs(e).max() for e in errors.values())
    dense = max(abs(errors[d][-1]) for d in errors)
    print(f"largest error {worst:.2f} mmHg, {dense:.2f} mmHg in voxels full of cells")
    assert worst < 2.0
    # The closure leaves out the anoxic rim that consumes nothing: it always errs low.
    assert all(e.max() < 0.05 for e in errors.values())


def test_the_hypoxic_share_of_the_model_follows_that_of_the_cylinder():
    """The share of cells below the threshold, at the resolved mean tension."""
    threshold, half = MEDIANS["hypoxia_threshold"], MEDIANS["consumption_half_point"]
    differences = []
    for density in DENSITIES:
        volumes, tension = cylinder(1.0, density, half)
        below = float(volumes[tension < threshold].sum())
        mean = jnp.asarray(float(volumes @ tension) / MEDIANS["vessel_oxygen"])
        share = float(oxygen().hypoxic(mean))
        differences.append(abs(share - below))
        print(f"{density:g} vessels/mm²: below {threshold:g} mmHg {below:.2f}, model {share:.2f}")
    assert max(differences) < 0.2


def test_radiosensitivity_at_the_mean_tension_against_that_of_the_profile():
    """Survival of the mean against the mean of survivals, for a fraction of 2 Gy."""
    alpha, beta, dose = 0.1, 0.01, 2.0
    for density in DENSITIES:
        volumes, tension = cylinder(1.0, density, MEDIANS["consumption_half_point"])
        model = oxygen(vessel_density=density)

        def killed(p, model=model):
            relative = jnp.asarray(p) / MEDIANS["vessel_oxygen"]
            counted = dose / np.asarray(model.protection(relative))
            return alpha * counted + beta * counted**2

        resolved = -np.log(float(volumes @ np.exp(-killed(tension))))
        mean = float(killed(float(volumes @ tension)))
        print(
            f"{density:g} vessels/mm²: log kill of 2 Gy {resolved:.3f} by the profile,"
            f" {mean:.3f} at its mean tension"
        )
        assert abs(mean / resolved - 1.0) < 0.25
        assert mean >= resolved - 1e-3
