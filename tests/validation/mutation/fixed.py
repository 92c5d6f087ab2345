"""Thirty defects of the kind that people put into tumor simulators, as replacements of text."""

from __future__ import annotations

from typing import NamedTuple


class Change(NamedTuple):
    """Text of one file of the package replaced by another; it must occur exactly once."""

    what: str
    file: str
    old: str
    new: str


FLUXES, PAIRS = "operators/fluxes.py", "operators/pairs.py"
STENCIL = "operators/stencil.py"
DIFFUSION, MIXTURE = "operators/diffusion.py", "operators/mixture.py"
SPLITTING, REACTION = "solvers/splitting.py", "models/reaction.py"
RADIATION, FORCING = "models/radiation.py", "treatments/forcing.py"
KINETICS = "treatments/kinetics.py"
FORMULAS, ORGANS = "treatments/radiotherapy.py", "treatments/normal_tissue.py"
SCHEDULE = "treatments/schedule.py"

FIXED = (
    Change(
        "no flux along z",
        FLUXES,
        "enumerate(strides(g.shape)):",
        "enumerate(strides(g.shape)[:2]):",
    ),
    Change(
        "dropped face: nothing comes from the voxel before",
        FLUXES,
        "        result = result + shifted(face, -stride) * (shifted(padded, -stride) - u)\n",
        "",
    ),
    Change(
        "arithmetic for harmonic mean of two diffusivities",
        FLUXES,
        "2.0 * here * there / jnp.where(open_face, both, 1.0)",
        "jnp.where((here > 0) & (there > 0), 0.5 * both, 0.0)",
    ),
    Change(
        "conductance over h in place of h²", FLUXES, "harmonic / spacing**2", "harmonic / spacing"
    ),
    Change(
        "voxel sizes in reverse order",
        FLUXES,
        "zip(strides(shape), spacing_mm, strict=True)",
        "zip(strides(shape), spacing_mm[::-1], strict=True)",
    ),
    Change(
        "diffusion through the border of the tissue",
        FLUXES,
        "2.0 * here * there / jnp.where(open_face, both, 1.0)",
        "0.5 * both",
    ),
    Change(
        "diffusivity of the voxel on one side only",
        FLUXES,
        "2.0 * here * there / jnp.where(open_face, both, 1.0)",
        "jnp.where((here > 0) & (there > 0), here, 0.0)",
    ),
    Change(
        "missing factor: the sum of two voxels' tensors for their mean",
        STENCIL,
        "row[here] = harmonic * 0.5 * (form[here] + form[there])",
        "row[here] = harmonic * (form[here] + form[there])",
    ),
    Change(
        "offsets of a tensor's stencil on one side of a voxel only",
        PAIRS,
        "for by, weight in ((shift, 0), (-shift, -shift)):",
        "for by, weight in ((shift, 0),):",
    ),
    Change(
        "sign of a tensor's cross terms dropped",
        "operators/tensors.py",
        "codes = ((signs[..., None] * offsets + radius)",
        "codes = ((np.abs(offsets) + radius)",
    ),
    Change(
        "fibers swapped with isotropic spread",
        MIXTURE,
        "share * row + (1.0 - share) * rows[offset] if offset in rows else share * row",
        "(1.0 - share) * row + share * rows[offset] if offset in rows else (1.0 - share) * row",
    ),
    Change(
        "diffusion of first order in time",
        DIFFUSION,
        "optimization_barrier(0.5 * (u + second))",
        "optimization_barrier(first)",
    ),
    Change(
        "diffusion over half of each step",
        DIFFUSION,
        "factor = dt_days * operator.scale",
        "factor = 0.5 * dt_days * operator.scale",
    ),
    Change(
        "Lie in place of Strang: both reactions ahead of transport",
        SPLITTING,
        "return react(equations.transport(state, forcing.dt_days[step], loop), step, 1)",
        "return equations.transport(react(state, step, 1), forcing.dt_days[step], loop)",
    ),
    Change(
        "last step of each row left out",
        SPLITTING,
        "        return finish(state, stop - 1)\n",
        "        return state\n",
    ),
    Change(
        "growth without crowding",
        REACTION,
        "/ (1.0 + by_class(crowding, classes) * u)",
        "/ (1.0 + 0.0 * by_class(crowding, classes) * u)",
    ),
    Change(
        "growth by Euler's method in the crowding",
        REACTION,
        "crowding = exponent * (weights * within).sum(axis=2)",
        "crowding = exponent * weights.sum()",
    ),
    Change(
        "drug kill twice as strong",
        REACTION,
        "return jnp.exp(-table.log_kill) * spared, killed",
        "return jnp.exp(-2.0 * table.log_kill) * spared, killed",
    ),
    Change(
        "killed cells vanish",
        REACTION,
        "killed = -jnp.expm1(-table.log_kill) * u + table.delay * (spared - u)",
        "killed = 0.0 * u",
    ),
    Change(
        "alpha and beta swapped",
        RADIATION,
        "self.alpha * given * (boost + quadratic / self.alpha_beta_ratio)",
        "self.alpha * given * (boost / self.alpha_beta_ratio + quadratic)",
    ),
    Change(
        "beta times the square of the day's sum of doses",
        RADIATION,
        "size = dose.squared_gy2 / jnp.maximum(dose.total_gy, 1e-6) * relative",
        "size = dose.total_gy * relative",
    ),
    Change(
        "dose twice",
        FORCING,
        "dose[step] += fraction.dose_gy\n",
        "dose[step] += 2.0 * fraction.dose_gy\n",
    ),
    Change(
        "two fractions at one time: the last one counts",
        FORCING,
        "dose[step] += fraction.dose_gy\n        squared[step] += fraction.dose_gy**2",
        "dose[step] = fraction.dose_gy\n        squared[step] = fraction.dose_gy**2",
    ),
    Change(
        "fractions a day late",
        FORCING,
        "np.searchsorted(starts, fraction.time_days)",
        "min(np.searchsorted(starts, fraction.time_days + 1.0), starts.size - 1)",
    ),
    Change(
        "stale drug: what was given before the start is forgotten",
        FORCING,
        "exposure = _exposure(schedule, starts",
        "exposure = _exposure(course, starts",
    ),
    Change(
        "drug acts ahead of its dose",
        KINETICS,
        "given = ages_days >= 0.0",
        "given = ages_days >= -1.0",
    ),
    Change(
        "a drug that does not leave",
        KINETICS,
        "levels[:, number] * np.exp(-rate * days)",
        "levels[:, number] * np.exp(-0.0 * rate * days)",
    ),
    Change(
        "a fraction at the start of a run is lost",
        SCHEDULE,
        "tuple(f for f in self.fractions if start_days <= f.time_days < stop_days)",
        "tuple(f for f in self.fractions if start_days < f.time_days < stop_days)",
    ),
    Change(
        "EQD2 by alpha/beta upside down",
        FORMULAS,
        "return effective_gy / (1.0 + 2.0 / alpha_beta_ratio_gy)",
        "return effective_gy / (1.0 + alpha_beta_ratio_gy / 2.0)",
    ),
    Change(
        "volume effect upside down: the mean where the largest dose counts",
        ORGANS,
        "** (1.0 / n))) ** n",
        "** n)) ** (1.0 / n)",
    ),
)
