"""What this package answers beside densities: kinetics, normal tissue, risk, posterior draws."""

from __future__ import annotations

import numpy as np

_CLONOGENS, _ALPHA, _ALPHA_BETA_RATIO = 1e7, 0.3, 10.0
_ORGAN, _FRACTIONS = "brain", 30


class Decisions:
    """Extras of the protocol that do not depend on the model."""

    water_adc = 3.0

    def adc_to_cells(self, adc: np.ndarray) -> np.ndarray:
        """`twin.observation.adc.cell_fraction`."""
        from twin.observation.adc import cell_fraction

        return cell_fraction(adc)

    def survival(self, dose_gy: float, alpha: float, alpha_beta_ratio: float) -> float:
        """`twin.treatments.radiotherapy.survival_fraction`."""
        from twin.treatments.radiotherapy import survival_fraction

        return float(survival_fraction(dose_gy, alpha, alpha_beta_ratio))

    def eqd2(self, dose_gy: float, fractions: int, alpha_beta_ratio: float) -> float:
        """`twin.scenarios.toxicity.eqd2_gy` of daily fractions."""
        from twin.scenarios.toxicity import eqd2_gy
        from twin.treatments.schedule import Fraction, Schedule

        plan = Schedule(tuple(Fraction(float(day), dose_gy) for day in range(fractions)))
        return float(eqd2_gy(plan, alpha_beta_ratio))

    def geud(self, doses_gy: np.ndarray, n: float) -> float:
        """`twin.treatments.normal_tissue.equivalent_uniform_dose_gy`."""
        from twin.treatments.normal_tissue import equivalent_uniform_dose_gy

        return equivalent_uniform_dose_gy(doses_gy, n)

    def ntcp(self, doses_gy: np.ndarray) -> float:
        """`twin.treatments.normal_tissue.complication_probability` of the brain."""
        from twin.treatments.normal_tissue import complication_probability

        return complication_probability(doses_gy, _FRACTIONS, _ORGAN)

    def tcp(self, doses_gy: np.ndarray) -> float:
        """`twin.treatments.normal_tissue.relative_tumor_control` after 2 Gy fractions."""
        from twin.treatments.normal_tissue import relative_tumor_control

        survival = self.survival(2.0, _ALPHA, _ALPHA_BETA_RATIO) ** (doses_gy / 2.0)
        return relative_tumor_control(np.full(doses_gy.shape, _CLONOGENS / doses_gy.size), survival)

    def concentration(
        self, doses: tuple[tuple[float, float], ...], rate: float, times: np.ndarray
    ) -> np.ndarray:
        """`twin.treatments.concentration.relative_concentration` in one compartment."""
        from twin.treatments.concentration import relative_concentration
        from twin.treatments.kinetics import Kinetics

        given, amounts = zip(*doses, strict=True)
        return relative_concentration(Kinetics(rate), times, given, amounts)

    def auc(self, dose: float, clearance: float) -> float:
        """`twin.treatments.concentration.area_mg_h_per_l`, clearance in L/h."""
        from twin.treatments.concentration import area_mg_h_per_l
        from twin.treatments.kinetics import from_clearance

        return area_mg_h_per_l(from_clearance(24.0 * clearance, 10.0), dose)

    def cvar(self, losses: np.ndarray, level: float) -> float:
        """`twin.scenarios.risk.cvar`."""
        from twin.scenarios.risk import cvar

        return float(cvar(losses, level))

    def pareto(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """`twin.scenarios.risk.pareto_front`."""
        from twin.scenarios.risk import pareto_front

        return pareto_front(first, second)

    def best_plan(self, losses: np.ndarray, level: float) -> int:
        """The first plan by `twin.scenarios.risk.cvar`, as rankings have it."""
        from twin.scenarios.risk import cvar

        return int(np.argmin(cvar(losses, level)))

    def draws(self, seed: int, count: int) -> np.ndarray:
        """Draws of `twin.calibration.Posterior` with correlated parameters."""
        from twin.calibration import Posterior
        from twin.models.priors import growth_priors
        from twin.parameters import ParameterTable

        table = ParameterTable(growth_priors("generic"))
        posterior = Posterior(
            table=table,
            names=tuple(table)[:2],
            z_mean=np.zeros(2),
            z_covariance=np.array([[1.0, 0.5], [0.5, 1.0]]),
            converged=True,
            decision_day=0.0,
            fitted_visits=(),
        )
        return posterior.sample_scores(count, seed)
