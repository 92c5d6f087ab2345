"""The solver against closed forms: growth, waves, manufactured solutions, order, mass.

Each test prints its figures; plots go to docs/validation.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import brentq

from tests.twin.tumors import PARAMS, blob, in_double, notched, solve_in_double
from tests.validation.figures import save
from twin.domain import make_domain
from twin.operators.diffusion import diffuse
from twin.operators.fluxes import conductances, divergence
from twin.treatments.schedule import DrugDose, Fraction, Schedule

STILL = {"proliferation_rate": 0.0}


def line(count):
    """Tissue along x, one voxel wide."""
    tissue = np.zeros((count + 2, 3, 3), bool)
    tissue[1:-1, 1, 1] = True
    return tissue


def orders(errors):
    """Observed orders between errors at halved steps."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def test_uniform_tumors_grow_as_the_logistic_function():
    days = np.linspace(0.0, 200.0, 9)
    tissue = notched(1)
    found, _ = solve_in_double(0.05 * tissue, days, domain=make_domain(tissue, (1.0, 1.5, 2.0)))
    grown = 0.05 * np.exp(PARAMS["proliferation_rate"] * days)
    error = np.abs(found[:, tissue] / (grown / (0.95 + grown))[:, None] - 1.0).max()
    print(f"logistic growth over 200 days: largest relative error {error:.1e}")
    assert error < 1e-6


def test_the_wave_of_ablowitz_and_zeppetella_is_met_to_second_order():
    """u = (1 + C exp((x − 5 t/√6)/√6))^−2 for D = ρ = 1 (doi 10.1007/BF02462380)."""
    root, until = np.sqrt(6.0), 4.0

    def wave(x, time):
        return (1.0 + np.exp((x - 5.0 * time / root) / root)) ** -2

    errors, lines = [], []
    for spacing in (1.0, 0.5, 0.25):
        tissue = line(int(100 / spacing))
        x = -40.0 + (np.arange(tissue.shape[0]) - 0.5) * spacing
        initial = wave(x, 0.0)[:, None, None] * tissue
        found, _ = solve_in_double(
            initial,
            [until],
            params={"diffusivity": 1.0, "proliferation_rate": 1.0},
            domain=make_domain(tissue, (spacing,) * 3),
            max_step_days=0.2 * spacing,
        )
        error = (found[0, :, 1, 1] - wave(x, until))[1:-1]
        errors.append(float(np.sqrt((error**2).mean())))
        lines.append((x, found[0, :, 1, 1]))
    found = orders(errors)
    print(f"Ablowitz-Zeppetella wave: L2 errors {errors}, orders {found.round(2)}")
    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    x, u = lines[0]
    axes.plot(x, u, "o", ms=3, label="solver, voxel 1 mm")
    fine = np.linspace(-40, 60, 500)
    axes.plot(fine, wave(fine, until), lw=1, label="exact, day 4")
    axes.plot(fine, wave(fine, 0.0), lw=1, ls=":", label="start")
    axes.set(xlabel="x (mm)", ylabel="cell fraction", title="Exact travelling wave")
    axes.legend()
    save(figure, "equations-wave")
    assert found.min() >= 1.9


def test_fronts_stay_inside_the_band_of_bramson():
    """c(t) = 2 √(Dρ) (1 − 3/(4ρt)) up to higher order (Bramson 1983, doi 10.1090/memo/0285)."""
    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    for diffusivity, growth in ((0.4, 0.2), (0.2, 0.1), (1.0, 0.15)):
        spacing = 0.25 * np.sqrt(diffusivity / growth)
        days = np.arange(8.0, 21.0) / growth
        count = int(2.2 * np.sqrt(diffusivity * growth) * days[-1] / spacing) + 60
        tissue = line(count)
        initial = np.where(np.arange(count + 2)[:, None, None] < 20, 1.0, 0.0) * tissue
        found, _ = solve_in_double(
            initial,
            days,
            params={"diffusivity": diffusivity, "proliferation_rate": growth},
            domain=make_domain(tissue, (spacing,) * 3),
            max_step_days=0.1 / growth,
        )
        place = [np.interp(-0.5, -u[1:-1, 1, 1], np.arange(1, count + 1) * spacing) for u in found]
        middle = 0.5 * (days[1:] + days[:-1])
        limit = 2.0 * np.sqrt(diffusivity * growth)
        speed = np.diff(place) / np.diff(days) / limit
        expected = 1.0 - 3.0 / (4.0 * growth * middle)
        axes.plot(growth * middle, speed, "o", ms=3, label=f"D {diffusivity:g}, ρ {growth:g}")
        print(
            f"front speed over 2 sqrt(D rho), D {diffusivity:g}, rho {growth:g}:"
            f" {speed[0]:.3f} to {speed[-1]:.3f}, Bramson {expected[0]:.3f} to {expected[-1]:.3f}"
        )
        assert np.all(speed < 1.0) and np.all(np.diff(speed) > 0.0)
        np.testing.assert_allclose(speed, expected, atol=0.03)
    time = np.linspace(8, 20)
    axes.plot(time, 1 - 3 / (4 * time), "k", lw=1, label="Bramson")
    axes.set(xlabel="ρ t", ylabel="speed / 2√(Dρ)", title="Front speed below its limit")
    axes.legend()
    save(figure, "equations-front")


def test_a_manufactured_solution_with_uneven_diffusivity_is_met_to_second_order():
    """u = 1 + e^−t cos x cos y cos z, D = 1 + (cos x + cos y)/4, and the source that it needs."""
    errors = []
    with jax.enable_x64(True):
        for count in (8, 16, 32):
            h, until = np.pi / count, 0.2
            shape = (count + 2,) * 3
            x, y, z = (np.indices(shape) - 0.5) * h
            mask = np.zeros(shape)
            mask[1:-1, 1:-1, 1:-1] = 1.0
            spread = 1.0 + 0.25 * (np.cos(x) + np.cos(y))
            form = np.cos(x) * np.cos(y) * np.cos(z)
            slope = 0.25 * np.cos(z) * (np.sin(x) ** 2 * np.cos(y) + np.sin(y) ** 2 * np.cos(x))
            source = jnp.asarray(((-1.0 + 3.0 * spread) * form - slope).ravel())
            flat = jnp.asarray(mask.ravel())
            g = conductances(jnp.asarray(spread.ravel()), flat, shape, (h,) * 3)
            steps = int(np.ceil(until * float(g.rate) / 0.5))
            dt = until / steps

            def step(k, u, dt=dt, source=source, flat=flat, g=g):
                early = 0.5 * dt * source * jnp.exp(-(k + 0.25) * dt) * flat
                late = 0.5 * dt * source * jnp.exp(-(k + 0.75) * dt) * flat
                return diffuse(u + early, g, jnp.asarray(dt)) + late

            found = jax.lax.fori_loop(0, steps, step, jnp.asarray((1.0 + form).ravel()) * flat)
            exact = (1.0 + np.exp(-until) * form) * mask
            errors.append(float(np.abs(np.asarray(found).reshape(shape) - exact).max()))
    found = orders(errors)
    print(f"manufactured solution: largest errors {errors}, orders {found.round(2)}")
    assert found.min() >= 1.9


def test_the_staircase_of_a_ball_of_voxels_is_measured():
    """The slowest radial mode j₀(k r), tan(k R) = k R, in a ball cut from voxels.

    On boxes, whose faces lie on voxel faces, the scheme is of second order everywhere. A curved
    border becomes a staircase: the layer along it is of first order, which this prints.
    """
    radius, until = 1.0, 0.02
    k = brentq(lambda k: np.tan(k) - k, 4.4, 4.6) / radius
    mean, border = [], []
    with jax.enable_x64(True):
        for count in (16, 32, 64):
            h = 2.0 * radius / count
            shape = (count + 2,) * 3
            r = np.sqrt(((np.indices(shape) - (count + 1) / 2) ** 2).sum(axis=0)) * h
            mask = (r < radius).astype(float)
            mode = np.sinc(k * r / np.pi)
            flat = jnp.asarray(mask.ravel())
            g = conductances(jnp.ones(flat.size), flat, shape, (h,) * 3)
            steps = int(np.ceil(until * float(g.rate) / 0.5))
            dt = jnp.asarray(until / steps)
            start = jnp.asarray(mode.ravel()) * flat
            found = jax.lax.fori_loop(0, steps, lambda _, u, g=g, dt=dt: diffuse(u, g, dt), start)
            error = np.asarray(found).reshape(shape) - np.exp(-(k**2) * until) * mode
            mean.append(float(np.sqrt((error[mask > 0] ** 2).mean())))
            border.append(float(np.abs(error[mask > 0]).max()))
    print(f"ball of voxels: root mean square errors {mean}, orders {orders(mean).round(2)}")
    print(f"ball of voxels: largest errors {border}, orders {orders(border).round(2)}")
    assert orders(mean).min() > 1.5
    assert orders(border).mean() > 0.7


def test_a_treated_course_is_of_second_order_in_time():
    schedule = Schedule(
        tuple(Fraction(8.0 + 2 * i, 2.0) for i in range(6)),
        (DrugDose(8.0, "pembrolizumab", 200.0), DrugDose(16.0, "doxorubicin", 130.0)),
    )
    steps = (2.0, 1.0, 0.5, 0.25)

    def course(step):
        return solve_in_double(
            blob(notched(5)),
            [32.0],
            schedule,
            params={"diffusivity": 0.05, "proliferation_rate": 0.1},
            domain=make_domain(notched(5), (1.0, 1.5, 2.0)),
            max_step_days=step,
        )

    finest = course(1 / 32)
    figure, axes = plt.subplots(figsize=(4, 3), layout="constrained")
    for part, name in enumerate(("viable", "dead")):
        errors = [float(np.abs(course(s)[part] - finest[part]).max()) for s in steps]
        found = orders(errors)
        print(f"treated course, {name} cells: errors {errors}, orders {found.round(2)}")
        axes.loglog(steps, errors, "o-", label=name)
        assert found[-2:].min() >= 1.9
    axes.loglog(steps, 1e-5 * np.array(steps) ** 2, "k:", label="second order")
    axes.set(xlabel="longest step (days)", ylabel="largest error", title="Treated course")
    axes.legend()
    save(figure, "equations-order")


def test_mass_is_kept_to_round_off():
    tissue = notched(4)
    domain = make_domain(tissue, (1.0, 1.5, 2.0))
    found, _ = solve_in_double(blob(tissue), [0.0, 270.0], params=STILL, domain=domain)
    drift = abs(found[1].sum() / found[0].sum() - 1.0)
    with jax.enable_x64(True):
        wide = in_double(domain)
        g = conductances(jnp.ones(wide.mask.size), wide.mask, domain.shape, domain.spacing_mm)
        flux = float(divergence(jnp.asarray(blob(tissue).ravel()), g).sum())
    print(f"mass over 270 days: drift {drift:.1e}; sum of the divergence {flux:.1e}")
    assert drift <= 1e-12 and abs(flux) <= 1e-12
