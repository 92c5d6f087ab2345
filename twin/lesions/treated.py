"""A lesion under treatment that is known: growth of any lesion model, drugs, fractions, clearance.

    d(log x_i)/dt = G_i(log Σ u) − f_i(t) Σ_j s_j c_j(t),      u_i = x_i exp(−R(t))
    dV/dt = Σ_i G_i u_i − (ln 2 / T)(V − Σ u)
    R(t) = Σ_(t_k < t) α (d_k + q(d_k) / (α/β))

u are viable cells, V is what an outline shows: viable cells and killed ones that are not cleared
yet. f is the share of a drug's kill that reaches population i, c_j the relative concentration of a
drug (twin/treatments), q the squared dose, linear above an onset. A fraction moves cells from u to
V − u, so V has no jump and the equations are solved without stopping. Kill and clearance are those
of twin/models/fisher_kpp; repair between fractions, drugs that sensitize and repopulation are left
out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from twin.errors import TwinError
from twin.lesions.model import LesionModel, LesionParams
from twin.lesions.solve import integrate
from twin.models.priors import drug_priors, growth_priors, radiotherapy_priors
from twin.parameters import ParameterTable
from twin.treatments.chemotherapy import get_drug
from twin.treatments.neutrophils import Exposure
from twin.treatments.schedule import Schedule

_USED = ("radiosensitivity_alpha", "alpha_beta_ratio", "linear_onset_dose")


class Treated(LesionModel):
    """A lesion model with the doses of one patient (made by `treated`).

    Attributes:
        growth: the model whose growth it has.
        site: whose priors it takes.
        drugs: names, in the order of the exposure.
        fraction_days, fraction_gy: (F,) since the first reading, at least 0; doses.
        doses: drug doses as exponentials, one unit of effect per unit of concentration.
        first_drug_day: since the first reading; infinite without one.
        jumps: (J,) days after the first reading on which the equations jump, increasing.
    """

    name: ClassVar[str] = "treated"

    growth: LesionModel
    site: str = eqx.field(static=True)
    drugs: tuple[str, ...] = eqx.field(static=True)
    fraction_days: Float[Array, " f"]
    fraction_gy: Float[Array, " f"]
    doses: Exposure
    first_drug_day: Float[Array, ""]
    jumps: Float[Array, " j"]

    def table(self) -> ParameterTable:
        """Growth at the site, and whatever the treatments bring along."""
        table = self.growth.treated_table(self.site)
        rows = []
        if self.fraction_days.size:
            rows += [p for p in radiotherapy_priors(self.site) if p.name in _USED]
        rows += [p for p in drug_priors(self.drugs) if p.name.startswith("sensitivity_")]
        if rows:
            rows += [p for p in growth_priors(self.site) if p.name == "clearance_half_life"]
        return table + ParameterTable(rows)

    def treated_table(self, site: str) -> ParameterTable:
        """Parameters of growth alone."""
        return self.growth.treated_table(site)

    def specific_growth(
        self, log_volume: Float[Array, ""], params: LesionParams
    ) -> Float[Array, " populations"]:
        """Of the growth model."""
        return self.growth.specific_growth(log_volume, params)

    def log_volume(
        self,
        days: Float[Array, " times"],
        days_untreated: Float[Array, ""],
        days_before: Float[Array, ""],
        params: LesionParams,
    ) -> Float[Array, " times"]:
        """Logarithm of the volume seen, mL; treatment comes from the schedule alone."""
        first = params["initial_volume"]
        killed = self._radiation(params)
        doses = eqx.tree_at(lambda e: e.slope, self.doses, self._sensitivities(params))
        clearance = math.log(2.0) / params["clearance_half_life"] if self._any else 0.0

        def change(time: Array, state: Array) -> Array:
            log_parts, seen = state[:-1] - killed(time), state[-1]
            growth = self.specific_growth(jnp.log(first) + jax.nn.logsumexp(log_parts), params)
            treated = jnp.maximum(time - self.first_drug_day, 0.0)
            drug = self.growth.drug_share(treated, params) * doses.effect(time)
            parts = jnp.exp(log_parts)
            gain = growth @ parts - clearance * (seen - parts.sum())
            return jnp.append(growth - drug, gain)

        start = jnp.append(jnp.log(self.growth.shares(params)), 1.0)
        seen = integrate(change, start, days, self.jumps)[:, -1]
        return jnp.log(first) + jnp.log(jnp.maximum(seen, 1e-12))

    @property
    def _any(self) -> bool:
        return bool(self.fraction_days.size or self.drugs)

    def _radiation(self, params: LesionParams) -> Callable[[Array], Array]:
        """R(t); fractions on the day of the first reading count from the start."""
        if not self.fraction_days.size:
            return jnp.zeros_like
        dose, onset = self.fraction_gy, params["linear_onset_dose"]
        squared = jnp.where(dose <= onset, dose**2, onset * (2.0 * dose - onset))
        each = params["radiosensitivity_alpha"] * (dose + squared / params["alpha_beta_ratio"])
        from_start = self.fraction_days == 0.0
        return lambda time: jnp.where((time > self.fraction_days) | from_start, each, 0.0).sum()

    def _sensitivities(self, params: LesionParams) -> Array:
        if not self.drugs:
            return jnp.zeros(0)
        return jnp.stack([params[f"sensitivity_{drug}"] for drug in self.drugs])


def treated(
    growth: LesionModel,
    schedule: Schedule,
    *,
    site: str,
    first_day: float = 0.0,
    body_surface_m2: float = 1.8,
) -> Treated:
    """Give a lesion model the treatments of one patient.

    Args:
        growth: the model of an untreated lesion.
        schedule: what was given, on the patient's time axis. Fractions before `first_day` are in
            the first volume already; drugs given earlier still decay.
        site: tumor site, for priors.
        first_day: of the first reading, on the patient's time axis.
        body_surface_m2: turns mg into mg/m².

    Raises:
        TwinError: a resection on or after the first day.
    """
    cut = [s.time_days for s in schedule.surgeries if s.time_days >= first_day]
    if cut:
        raise TwinError(
            "a lesion model knows no surgery",
            where="treated",
            expected=f"no resection on or after day {first_day:g}",
            got=f"one on day {cut[0]:g}",
            fix="Give the schedule up to it: schedule.before(day)",
        )
    fractions = [f for f in schedule.fractions if f.time_days >= first_day]
    fraction_days = np.array([f.time_days - first_day for f in fractions])
    drug_days = np.array([d.time_days - first_day for d in schedule.drug_doses])
    jumps = np.unique(np.concatenate([fraction_days, drug_days]))
    with jax.enable_x64(True):
        return Treated(
            growth=growth,
            site=site,
            drugs=schedule.drugs,
            fraction_days=jnp.asarray(fraction_days, float),
            fraction_gy=jnp.asarray([f.dose_gy for f in fractions], float),
            doses=_exposure(schedule, first_day, body_surface_m2),
            first_drug_day=jnp.asarray(drug_days.min(initial=np.inf)),
            jumps=jnp.asarray(jumps[jumps > 0.0]),
        )


def _exposure(schedule: Schedule, first_day: float, body_surface_m2: float) -> Exposure:
    """Relative concentrations as rows of exponentials."""
    rows = []
    for dose in schedule.drug_doses:
        drug = get_drug(dose.drug)
        relative = dose.dose_mg / body_surface_m2 / drug.reference_dose_mg_m2
        absorption = drug.kinetics.absorption_rate_per_day or 0.0
        number = schedule.drugs.index(dose.drug)
        for weight, rate in drug.kinetics.phases:
            given = dose.time_days - first_day
            rows.append((given, weight * relative, rate, absorption, 0.0, number))
    table = np.array(rows, float).reshape(len(rows), 6)
    return Exposure(
        *(jnp.asarray(column) for column in table[:, :5].T),
        drug=jnp.asarray((table[:, 5:] == np.arange(len(schedule.drugs))).astype(float)),
        slope=jnp.ones(len(schedule.drugs)),
        half=jnp.full(len(schedule.drugs), jnp.inf),
    )
