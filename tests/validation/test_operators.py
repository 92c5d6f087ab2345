"""Transport and elastic operators against closed forms: rotated fibers, modes, order, an inclusion.

Each test prints its figures; plots go to docs/validation.
"""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest

from tests.twin.operators.tensor_fields import fiber
from tests.validation.figures import save
from twin.operators.diffusion import diffuse
from twin.operators.elasticity import displacement, elasticity, swelling
from twin.operators.explicit import diffuse_explicitly
from twin.operators.stencil import tensor_stencil


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def box(shape):
    """1 inside the outermost layer."""
    mask = np.zeros(shape)
    mask[1:-1, 1:-1, 1:-1] = 1.0
    return mask


def stencil(tensors, mask, spacing, neighbors=26):
    """The operator of (x, y, z, 3, 3) tensors, or of one tensor everywhere."""
    full = np.broadcast_to(tensors, (*mask.shape, 3, 3)).reshape(-1, 3, 3)
    return tensor_stencil(
        full, mask.reshape(-1), mask.shape, spacing, neighbors=neighbors, dtype=np.float64
    )


def orders(errors):
    """Observed orders between errors at halved steps."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def gaussian(x, covariance):
    """Density of a normal distribution at the points x (..., 3)."""
    inverse = np.linalg.inv(covariance)
    size = np.sqrt(np.linalg.det(2.0 * np.pi * covariance))
    return np.exp(-0.5 * np.einsum("...i,ij,...j->...", x, inverse, x)) / size


def spread(direction, ratio, voxels_per_width, spacing=(1.0, 1.0, 1.0)):
    """(solution, closed form) of a spot that has spread along a fiber, and whether it was clipped.

    Its variance across the fiber grows from 1/2 to 1; the voxel is 1 over `voxels_per_width`.
    """
    h = np.array(spacing) / voxels_per_width
    tensor = fiber(np.array(direction, float), ratio)
    across = np.linalg.eigvalsh(tensor)[0]
    until = 0.25 / across
    half = 4.2 * np.sqrt(0.5 + 2.0 * until * np.linalg.eigvalsh(tensor)[2])
    counts = [2 * int(np.ceil(half / step)) + 3 for step in h]
    mask = box(counts)
    x = np.moveaxis(np.indices(counts), 0, -1) * h - (np.array(counts) - 1) / 2 * h
    operator, clipping = stencil(tensor, mask, tuple(h))
    start = gaussian(x, 0.5 * np.eye(3)) * mask
    flat = jnp.asarray(start.reshape(-1))
    found = jax.jit(diffuse_explicitly)(flat, operator, jnp.asarray(until))
    exact = gaussian(x, 0.5 * np.eye(3) + 2.0 * until * tensor) * mask
    return np.asarray(found).reshape(counts), exact, clipping.share_clipped


def test_a_spot_spreads_along_fibers_in_any_direction_as_greens_function_says():
    """Fibers five times faster along than across; the same fibers turned give the turned spot."""
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    for direction in ((1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 0)):
        errors = []
        for per_width in (1.5, 10 / 3, 5.0):
            found, exact, clipped = spread(direction, 5.0, per_width)
            assert clipped == 0.0
            errors.append(float(np.abs(found - exact).max() / exact.max()))
        print(
            f"fiber along {direction}: largest error over peak at h/l 0.67, 0.3, 0.2:"
            f" {errors[0]:.4f}, {errors[1]:.4f}, {errors[2]:.4f}"
        )
        axes[1].loglog([1 / 1.5, 0.3, 0.2], errors, "o-", label=f"along {direction}")
        assert errors[1] <= 0.02
        assert errors[2] < errors[1] < errors[0]
    found, exact, _ = spread((1, 1, 0), 5.0, 10 / 3)
    middle = found.shape[2] // 2
    levels = exact.max() * np.array([0.05, 0.2, 0.5, 0.8])
    axes[0].contour(exact[:, :, middle].T, levels, colors="k", linewidths=0.8)
    axes[0].contour(found[:, :, middle].T, levels, colors="C1", linewidths=0.8, linestyles="--")
    axes[0].set(title="45° fibers: exact (black), found (dashed)", aspect="equal")
    axes[1].set(xlabel="voxel / width across", ylabel="largest error / peak", title="Error")
    axes[1].legend(fontsize=7)
    save(figure, "operators-rotated-fibers")


def test_turned_fibers_give_the_turned_spot():
    """Along a line through the middle: the spot of fibers at 45° on the diagonal, that of fibers
    along x on the axis. Both by the solver, at h/l = 0.3."""
    straight, _, _ = spread((1, 0, 0), 5.0, 10 / 3)
    turned, _, _ = spread((1, 1, 0), 5.0, 10 / 3)
    middle = [n // 2 for n in straight.shape], [n // 2 for n in turned.shape]
    along = np.arange(straight.shape[0]) - middle[0][0]
    reach = min(turned.shape[0], turned.shape[1]) // 2 - 1
    diagonal = np.arange(-reach, reach + 1)
    on_axis = straight[:, middle[0][1], middle[0][2]]
    on_diagonal = turned[middle[1][0] + diagonal, middle[1][1] + diagonal, middle[1][2]]
    expected = np.interp(np.sqrt(2.0) * diagonal, along, on_axis)
    error = float(np.abs(on_diagonal - expected).max() / on_axis.max())
    print(f"spot of fibers at 45 degrees against that of fibers along x, turned: {error:.4f}")
    assert error <= 0.02


def test_longer_voxels_clip_and_still_keep_mass_and_the_mean_spread():
    """Voxels 1:1:2 cannot hold ratio 5 at all angles: the trace of the variance stays right."""
    tensor = fiber(np.array([1.0, 0.0, 1.0]), 5.0)
    shape, spacing = (41, 41, 31), (0.25, 0.25, 0.5)
    operator, clipping = stencil(tensor, box(shape), spacing)
    start = np.zeros(shape)
    start[20, 20, 15] = 1.0
    found = diffuse_explicitly(jnp.asarray(start.reshape(-1)), operator, jnp.asarray(0.25))
    found = np.asarray(found).reshape(shape)
    x = np.moveaxis(np.indices(shape), 0, -1) * spacing - np.array([5.0, 5.0, 7.5])
    variance = np.einsum("xyz,xyzi,xyzj->ij", found, x, x)
    assert clipping.share_clipped == 1.0
    kept = np.linalg.eigvalsh(variance)
    print(
        f"voxels 1:1:2: ratio {kept[2] / kept[0]:.2f} of 5 kept, stated {clipping.kept[0]:.2f};"
        f" trace of the variance {np.trace(variance):.5f} of 1.5"
    )
    assert kept[2] / kept[0] == pytest.approx(clipping.kept[0], rel=0.01)
    assert np.trace(variance) == pytest.approx(1.5, rel=1e-3)
    assert found.sum() == pytest.approx(1.0, rel=1e-12)


def test_cosine_modes_of_an_aligned_tensor_decay_at_their_discrete_rate():
    shape, spacing, tensor = (18, 14, 12), (1.0, 1.5, 2.0), np.diag([0.9, 0.4, 1.7])
    operator, _ = stencil(tensor, box(shape), spacing)
    worst = 0.0
    for waves in ((1, 0, 0), (0, 2, 0), (1, 2, 3), (15, 11, 9)):
        mode, decay = np.ones(shape), 0.0
        for axis, (k, h) in enumerate(zip(waves, spacing, strict=True)):
            n = shape[axis] - 2
            mode = mode * np.cos(np.pi * k * (np.indices(shape)[axis] - 0.5) / n)
            decay += tensor[axis, axis] * 4.0 / h**2 * np.sin(0.5 * np.pi * k / n) ** 2
        flat = jnp.asarray((mode * box(shape)).reshape(-1))
        x = decay * 0.1
        error = diffuse(flat, operator, jnp.asarray(0.1)) - (1.0 - x + 0.5 * x**2) * flat
        worst = max(worst, float(jnp.abs(error).max()))
    print(f"cosine modes of an aligned tensor, one step: largest error {worst:.1e}")
    assert worst <= 1e-12


def test_a_manufactured_solution_with_fibers_that_turn_is_met_to_second_order():
    """div(D grad u) of u = cos x cos y cos z; D turns and stretches, and is I at the border.

    The divergence is taken by JAX. Superbases change from voxel to voxel; the weights do not jump.
    """

    def tensor(p):
        bump = jnp.prod(jnp.sin(p)) ** 2
        angle, tilt = 1.3 * p[0] + 0.7 * p[1], 0.9 * p[2]
        along = jnp.array(
            [jnp.cos(angle) * jnp.cos(tilt), jnp.sin(angle) * jnp.cos(tilt), jnp.sin(tilt)]
        )
        return jnp.eye(3) + 3.0 * bump * jnp.outer(along, along)

    def form(p):
        return jnp.prod(jnp.cos(p))

    def source(p):
        return jnp.trace(jax.jacfwd(lambda q: tensor(q) @ jax.grad(form)(q))(p))

    relative, largest = [], []
    for count in (8, 16, 32):
        h = np.pi / count
        shape = (count + 2,) * 3
        points = jnp.asarray((np.moveaxis(np.indices(shape), 0, -1) - 0.5).reshape(-1, 3) * h)
        fields = np.asarray(jax.vmap(tensor)(points)).reshape(*shape, 3, 3)
        operator, clipping = stencil(fields, box(shape), (h,) * 3)
        assert clipping.share_clipped == 0.0
        flat = jnp.asarray(box(shape).reshape(-1))
        exact_source = jax.vmap(source)(points) * flat
        u = jax.vmap(form)(points) * flat
        # The error of the solution, not of L u, which is of first order wherever weights kink.
        defect = exact_source - operator.apply_unscaled(u)
        defect = defect - defect.sum() / flat.sum() * flat
        solved = jax.scipy.sparse.linalg.cg(
            lambda v, op=operator: -op.apply_unscaled(v), -defect, tol=1e-10, maxiter=2000
        )[0]
        error = (solved - solved.sum() / flat.sum()) * flat
        relative.append(float(jnp.sqrt((error**2).sum() / flat.sum())))
        largest.append(float(jnp.abs(error).max()))
    print(f"turning fibers: root mean square errors {relative}, orders {orders(relative).round(2)}")
    print(f"turning fibers: largest errors {largest}, orders {orders(largest).round(2)}")
    assert orders(relative)[-1] >= 1.9


def test_walls_that_cut_fibers_at_an_angle_have_a_first_order_layer():
    """Fibers at 45° in a square: no flux leaves, but the layer along the wall is of first order."""
    tensor = fiber(np.array([1.0, 1.0, 0.0]), 3.0)

    def solution(count, until=0.05):
        h = 1.0 / count
        shape = (count + 2, count + 2, 3)
        operator, _ = stencil(tensor, box(shape), (h, h, h))
        x, y, _ = (np.indices(shape) - 0.5) * h
        start = np.exp(-((x - 0.35) ** 2 + (y - 0.6) ** 2) / 0.05) * box(shape)
        found = jax.jit(diffuse_explicitly)(
            jnp.asarray(start.reshape(-1)), operator, jnp.asarray(until)
        )
        return np.asarray(found).reshape(shape)[1:-1, 1:-1, 1]

    def halved(field):
        n = len(field) // 2
        return field.reshape(n, 2, n, 2).mean(axis=(1, 3))

    fields = [solution(count) for count in (16, 32, 64, 128)]
    steps = [fields[i] - halved(fields[i + 1]) for i in range(3)]
    mean = [float(np.sqrt((s**2).mean())) for s in steps]
    largest = [float(np.abs(s).max()) for s in steps]
    print(f"fibers into a wall: root mean square steps {mean}, orders {orders(mean).round(2)}")
    print(f"fibers into a wall: largest steps {largest}, orders {orders(largest).round(2)}")
    assert orders(largest).min() >= 0.7
    assert orders(mean).min() >= 1.0


def inclusion(per_radius, soft, stiff, outer=4.0, ratio=0.45, pressure=2.0):
    """Radial displacement of a swollen ball in a rigid shell, with the closed form at every face.

    w = A r inside, B r + C / r² around it, 0 at the shell; w and traction are continuous.
    """
    count = 2 * int(np.ceil(outer * per_radius)) + 5
    shape, h = (count, count, count), 1.0 / per_radius
    middle = (count - 1) / 2
    x = (np.indices(shape) - middle) * h
    r = np.sqrt((x**2).sum(axis=0))
    share = (r < 1.0).astype(float)
    mask = jnp.asarray((r < outer).astype(float).reshape(-1))
    young = jnp.asarray((soft + (stiff - soft) * share).reshape(-1))
    operator = elasticity(young, ratio, mask, shape, (h, h, h))
    force = swelling(jnp.asarray((pressure * share).reshape(-1)), operator)
    w = jax.jit(lambda o, f: displacement(o, f, tolerance=1e-7))(operator, force)

    def moduli(young):
        shear = young / (2 * (1 + ratio))
        return young * ratio / ((1 + ratio) * (1 - 2 * ratio)), shear

    (lame_in, shear_in), (lame, shear) = moduli(stiff), moduli(soft)
    equations = np.array(
        [
            [1.0, -1.0, -1.0],
            [0.0, outer, outer**-2],
            [3 * lame_in + 2 * shear_in, -(3 * lame + 2 * shear), 4 * shear],
        ]
    )
    inner, linear, inverse = np.linalg.solve(equations, [0.0, 0.0, pressure])
    at_face = x.copy()
    at_face[0] += 0.5 * h
    face_r = np.sqrt((at_face**2).sum(axis=0))
    slope = np.where(face_r < 1.0, inner, linear + inverse / np.maximum(face_r, 0.1) ** 3)
    exact = np.where(face_r < outer, slope * at_face[0], 0.0)
    free = np.asarray(operator.faces[0]).reshape(shape) > 0.0
    found = np.asarray(w[0]).reshape(shape)
    stress = np.asarray(operator.von_mises(w)).reshape(shape)
    around = (r > 1.5) & (r < 3.0)
    expected = 6.0 * shear * abs(inverse) / np.maximum(r, 0.1) ** 3
    off, size = ((field[around] ** 2).mean() for field in (stress - expected, expected))
    error = (found - exact)[free] / inner
    line = np.s_[:, int(middle), int(middle)]
    return error, np.sqrt(off / size), (at_face[0][line], found[line] / inner, exact[line] / inner)


@pytest.mark.parametrize("stiff", [2.0, 20.0])
def test_a_swollen_ball_in_a_rigid_shell_moves_as_the_closed_form_says(stiff):
    """Spherical inclusion, soft and ten times stiffer; errors in units of its border's motion.

    Voxels are inside or outside, so that the border is a staircase and the order is the first.
    """
    sizes = (3, 6, 12) if stiff == 2.0 else (3, 6)
    mean, largest, stresses = [], [], []
    for per_radius in sizes:
        error, stress, line = inclusion(per_radius, 2.0, stiff)
        mean.append(float(np.sqrt((error**2).mean())))
        largest.append(float(np.abs(error).max()))
        stresses.append(float(stress))
    print(f"inclusion of {stiff:g} in 2 kPa, voxels per radius {sizes}: root mean square {mean}")
    print(f"  largest {largest}, orders {orders(mean).round(2)}, {orders(largest).round(2)}")
    print(f"  von Mises stress around it, relative {stresses}, orders {orders(stresses).round(2)}")
    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    axes.plot(line[0], line[2], "k", lw=1, label="closed form")
    axes.plot(line[0], line[1], "o", ms=3, label=f"{sizes[-1]} voxels per radius")
    axes.set(xlabel="r / radius", ylabel="displacement", title=f"Inclusion of {stiff:g} in 2 kPa")
    axes.legend()
    save(figure, f"operators-inclusion-{stiff:g}-kpa")
    assert orders(mean).min() >= 0.9
    assert mean[-1] <= 0.02
    assert stresses[-1] <= 0.15
