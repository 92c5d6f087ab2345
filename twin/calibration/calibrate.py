"""`calibrate(patient, model, method=...) -> Posterior`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace

import numpy as np

from twin.calibration.ensemble_kalman import EnsembleKalman, invert
from twin.calibration.gauss_newton import Fit, GaussNewton, fit, straight_in_values
from twin.calibration.noise import Noise
from twin.calibration.nuts import NUTS, sample
from twin.calibration.objective import KINDS, Problem, evaluate, make_problem
from twin.calibration.parametrization import (
    PARAMETRIZATIONS,
    in_diffusivity_and_rate,
    parametrized,
)
from twin.calibration.posterior import Posterior
from twin.calibration.resampling import corrected
from twin.calibration.setting import Setting, make_setting
from twin.errors import TwinError
from twin.front import GROWTH, LENGTH, front_of
from twin.models.model import TumorModel
from twin.parameters import Prior
from twin.patient import Patient

Method = GaussNewton | NUTS | EnsembleKalman
METHODS: dict[str, type[Method]] = {
    "laplace": GaussNewton,
    "nuts": NUTS,
    "ensemble-kalman": EnsembleKalman,
}
"""Ways to a posterior by name."""


def calibrate(
    patient: Patient,
    model: TumorModel,
    *,
    visits: int | None = None,
    method: Method | None = None,
    priors: Mapping[str, Prior] | None = None,
    start: Mapping[str, float] | None = None,
    noise: Mapping[str, Noise] | None = None,
    parametrization: str = PARAMETRIZATIONS[0],
) -> Posterior:
    """Fit a tumor model to the first visits of a patient.

    Args:
        patient: cropped around the tumor (twin.patient.crop_to_tumor).
        model: equations, for instance `FisherKPP()`.
        visits: how many visits to fit, from the first on; the rest is held out. None fits all.
        method: `GaussNewton()` (Laplace, the default), `NUTS()` or `EnsembleKalman()`.
        priors: other priors by parameter name; `Fixed(value)` for a value known for sure.
        start: natural values to start from; prior medians by default.
        noise: of "density" and "outline" where it is known (`independent_noise`); a kind left out
            does not count. None estimates it from the residuals.
        parametrization: "diffusivity-rate", or "length-speed": the same prior and posterior in
            coordinates of the front, which are straighter where growth tells little more than its
            speed (twin/front).

    Returns:
        The posterior: point, covariance, samples, intervals, noise and diagnostics.

    Raises:
        TwinError: one visit only (growth cannot be known from it), or nothing to fit.
    """
    setting = make_setting(patient, model, visits=visits, priors=priors)
    return calibrate_setting(
        setting, method=method, start=start, noise=noise, parametrization=parametrization
    )


def calibrate_setting(
    setting: Setting,
    *,
    method: Method | None = None,
    start: Mapping[str, float] | None = None,
    noise: Mapping[str, Noise] | None = None,
    parametrization: str = PARAMETRIZATIONS[0],
) -> Posterior:
    """Fit a setting; see `calibrate`."""
    if len(setting.fitted) < 2:
        raise TwinError(
            "growth cannot be calibrated from one visit",
            where="visits",
            expected="at least two visits at different times",
            got="1",
            fix="One scan tells how far the tumor infiltrates, not how fast it grows: add a later"
            " visit, or ask for the length alone (twin.infiltration, oncotwin calibrate"
            " --visits 1).",
        )
    for kind in noise or ():
        if kind not in KINDS:
            raise TwinError(
                f"noise of an unknown kind of observation {kind!r}",
                where="noise",
                expected=" or ".join(KINDS),
                got=repr(kind),
            )
    plain = make_problem(setting)
    problem = parametrized(plain, parametrization)
    method = method or GaussNewton()
    first = method if isinstance(method, GaussNewton) else method.start
    result = point_fit(setting, problem, first, start=start, noise=noise)
    if isinstance(method, NUTS):
        result = sample(problem, result, method)
    elif isinstance(method, EnsembleKalman):
        result = invert(problem, result, method)
    result = corrected(setting, problem, result, known=noise is not None)
    return _posterior(setting, plain, in_diffusivity_and_rate(problem, result))


def point_fit(
    setting: Setting,
    problem: Problem,
    method: GaussNewton,
    *,
    start: Mapping[str, float] | None = None,
    noise: Mapping[str, Noise] | None = None,
) -> Fit:
    """The Gauss-Newton fit alone, that every method begins with; see `calibrate`.

    Coefficients of maps are many and trade off: the fit may take one more evaluation for each.
    """
    mapped = sum(bool(problem.table[name].of_map) for name in problem.names)
    method = replace(method, max_iterations=method.max_iterations + mapped)
    scores = problem.table.scores_of(start or {})
    return fit(
        lambda at: evaluate(problem, at),
        np.array([scores.get(name, 0.0) for name in problem.names]),
        setting.domain.shape,
        method,
        straight_in_values(problem.table, problem.names),
        noise,
    )


def _posterior(setting: Setting, problem: Problem, result: Fit) -> Posterior:
    idle = tuple(name for name in setting.table.free if name not in problem.names)
    count, total = len(problem.names), len(problem.names) + len(idle)
    covariance = np.eye(total)
    covariance[:count, :count] = result.covariance
    gain = result.image_gain
    noise = {
        f"{kind}_{key}": float(value)
        for kind, found in result.noise.items()
        for key, value in asdict(found).items()
    }
    posterior = Posterior(
        table=setting.table,
        names=problem.names + idle,
        z_mean=np.concatenate([result.z, np.zeros(len(idle))]),
        z_covariance=covariance,
        converged=result.converged,
        decision_day=setting.decision_day,
        fitted_visits=tuple(visit.name for visit in setting.fitted),
        noise=noise,
        setting=replace(setting, image_error=result.image_error),
        z_draws=result.draws,
        image_gain=None if gain is None else np.pad(gain, [(0, len(idle)), (0, 0)]),
        image_draws=result.image_draws,
    )
    return posterior.with_diagnostics(
        **result.checks,
        iterations=result.iterations,
        step_in_sd=result.step_in_sd,
        cost=result.cost,
        warnings=_warnings(setting, posterior, result.checks),
    )


def _warnings(setting: Setting, posterior: Posterior, checks: Mapping[str, float]) -> list[str]:
    found = list(setting.model.fallbacks(setting.domain))
    if not posterior.converged:
        why = ""
        if "rhat" in checks:
            why = (
                f" (R-hat {checks['rhat']:.2f}, {checks['effective_draws']:.0f} effective draws,"
                f" {100 * checks['diverged']:.0f} % diverged)"
            )
        found.append(f"The fit did not converge{why}: do not rely on its intervals.")
    point = posterior.point
    if set(GROWTH) <= point.keys():
        length = float(front_of(point)[LENGTH])
        voxel = float(max(setting.patient.grid.spacing_mm))
        if length < 2.0 * voxel:
            found.append(
                f"The front is {length:.1f} mm wide, less than two voxels of {voxel:.1f} mm:"
                " its speed depends on the grid. Use a finer grid."
            )
    undetermined = posterior.undetermined
    if undetermined:
        found.append("The data does not determine " + ", ".join(undetermined) + ".")
    return found
