"""The simulator that mutants are judged by: the anisotropic model with every extra of the kit.

`variants` are limits in which another part of the package must give the same densities: a dose map
of ones, two tissues that are alike, a round tensor, a depot that empties at once beside a second
compartment that takes up nothing, growth that is all repopulation, tables longer than needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from twin.domain import Domain, make_domain
from twin.simulation import Trajectory
from twin.testing.adapters.twin_models import REFERENCE_MG_M2, TensorSimulator, TwinSimulator
from twin.testing.case import Case
from twin.testing.case import Drug as CaseDrug
from twin.treatments.chemotherapy import Drug, add_drug
from twin.treatments.kinetics import Kinetics, from_clearance
from twin.treatments.radiotherapy import bed_gy, eqd2_gy
from twin.treatments.schedule import DrugDose, Fraction, Schedule, Surgery


class Ours(TensorSimulator):
    """Fisher-KPP, along fibers where a case has tensors."""

    def __init__(self) -> None:
        super().__init__("Anisotropic", name="oncotwin under mutation")

    def eqd2(self, dose_gy: float, fractions: int, alpha_beta_ratio: float) -> float:
        """By `twin.treatments.radiotherapy`."""
        effective = bed_gy([dose_gy] * fractions, alpha_beta_ratio)
        return eqd2_gy(effective, alpha_beta_ratio)

    def variants(self) -> dict[str, Callable[[Case], np.ndarray]]:
        """Other parts of the package in the limit where they must agree."""
        return {
            "tables padded": super().variants()["tables padded"],
            "a dose map of ones": ThroughDoseMap(),
            "two alike tissues": AlikeTissues(),
            "a round tensor": RoundTensor(),
            "a depot that empties at once": FastDepot(),
            "a second compartment that fills at once": FastExchange(),
            "growth as repopulation": Repopulation(),
            "a drug that enhances radiation": Enhanced(),
            "all tissue is the second of two": SecondTissue(),
            "fractions in two halves at once": Halves(),
            "surgery that finds nothing": IdleSurgery(),
        }


class RoundTensor(TwinSimulator):
    """A number as a tensor that is alike in all directions, half of the spread along it."""

    def __init__(self) -> None:
        super().__init__("Anisotropic", {"fiber_share": 0.5})

    def domain(self, case: Case) -> tuple[Domain, dict[str, float]]:
        """With the identity as tensor."""
        if case.dimensions != 0:
            return super().domain(case)
        mask = np.pad(np.asarray(case.mask, bool), 1)
        six = np.multiply.outer(np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0]), np.ones(mask.shape))
        domain = make_domain(mask, case.spacing_mm, tensor=six, neighbors=26)
        return domain, {"diffusivity": float(case.diffusivity)}


class ThroughDoseMap(TwinSimulator):
    """Fractions through the second of two dose maps; the first holds no dose."""

    def __init__(self) -> None:
        super().__init__("FisherKPP")

    def trajectory(
        self, case: Case, parameters: Mapping[str, float] | None = None, **changes: Any
    ) -> Trajectory:
        """With the two maps."""
        shape = tuple(n + 2 for n in case.shape)
        maps = np.stack([np.zeros(shape), np.ones(shape)])
        return super().trajectory(case, parameters, **{"dose_maps": maps, **changes})

    def schedule(self, case: Case) -> Schedule:
        """Every fraction by the second map."""
        usual = super().schedule(case)
        fractions = tuple(Fraction(f.time_days, f.dose_gy, 1) for f in usual.fractions)
        return replace(usual, fractions=fractions)


class AlikeTissues(TwinSimulator):
    """A number as two tissues in alternating layers, with every ratio 1."""

    def __init__(self) -> None:
        super().__init__("FisherKPP")

    def domain(self, case: Case) -> tuple[Domain, dict[str, float]]:
        """Layers of two tissues across x."""
        if case.dimensions != 0:
            return super().domain(case)
        mask = np.pad(np.asarray(case.mask, bool), 1)
        share = (np.indices(mask.shape)[0] % 2).astype(float)
        ratios = ("diffusivity_ratio", "growth_ratio", "capacity_ratio")
        return make_domain(mask, case.spacing_mm, {"one": 1.0 - share, "other": share}), {
            "diffusivity": float(case.diffusivity),
            **{f"{name}_other": 1.0 for name in ratios},
        }


class FastDepot(TwinSimulator):
    """Drugs from a depot that empties at once, with a compartment that takes up nothing."""

    share = 1.0
    """Of the drug that stays in the blood."""

    def __init__(self) -> None:
        super().__init__("FisherKPP")

    def kinetics(self, rate: float) -> Kinetics:
        """A second compartment of no size."""
        return Kinetics(rate, 1e-9, 1.7, absorption_rate_per_day=1e9)

    def values(self, case: Case, domain: Domain) -> dict[str, float]:
        """With the sensitivities under the names of the depots."""
        usual = super().values(case, domain)
        return usual | {f"sensitivity_{n}": d.sensitivity_per_day for n, d in self.drugs(case)}

    def drugs(self, case: Case) -> list[tuple[str, CaseDrug]]:
        """Drugs of a case under names of their own."""
        kind = type(self).__name__
        return [(f"{kind}-{i}-{d.elimination_rate_per_day:g}", d) for i, d in enumerate(case.drugs)]

    def schedule(self, case: Case) -> Schedule:
        """The same doses of drugs with more compartments."""
        doses = []
        for name, drug in self.drugs(case):
            kinetics = self.kinetics(drug.elimination_rate_per_day)
            add_drug(Drug(name, kinetics, REFERENCE_MG_M2, 0.1, 0.5, "none", "assumed"))
            mg = REFERENCE_MG_M2 / self.share
            doses += [DrugDose(t, name, a * mg) for t, a in drug.doses if a != 0.0]
        return replace(super().schedule(case), drug_doses=tuple(doses))


class FastExchange(FastDepot):
    """Drugs that a second compartment of equal size takes half of at once, and gives back."""

    share = 0.5

    def kinetics(self, rate: float) -> Kinetics:
        """Twice the rate from half of the drug, told as clearance and volumes."""
        return from_clearance(4.0 * rate, 2.0, 2e6, 2.0)


class Repopulation(TwinSimulator):
    """Half the growth rate, doubled from a fraction of nothing at the start on."""

    def __init__(self) -> None:
        super().__init__("FisherKPP", {"repopulation_factor": 1.0, "repopulation_delay": 0.0})

    def values(self, case: Case, domain: Domain) -> dict[str, float]:
        """With half the rate."""
        return super().values(case.but(proliferation_rate=0.5 * case.proliferation_rate), domain)

    def schedule(self, case: Case) -> Schedule:
        """With a fraction of 0 Gy at the start."""
        return super().schedule(case) + Schedule((Fraction(case.start_days, 0.0),))


class SecondTissue(TwinSimulator):
    """A number as the second of two tissues, which is everywhere, with ratios that undo it."""

    def domain(self, case: Case) -> tuple[Domain, dict[str, float]]:
        """No voxel of the first tissue."""
        if case.dimensions != 0:
            return super().domain(case)
        mask = np.pad(np.asarray(case.mask, bool), 1)
        nowhere = np.zeros(mask.shape)
        return make_domain(mask, case.spacing_mm, {"first": nowhere, "second": nowhere + 1.0}), {
            "diffusivity": 2.0 * float(case.diffusivity),
            "diffusivity_ratio_second": 0.5,
            "growth_ratio_second": 0.5,
            "capacity_ratio_second": 1.0,
        }

    def __init__(self) -> None:
        super().__init__("FisherKPP")

    def values(self, case: Case, domain: Domain) -> dict[str, float]:
        """Growth of the first tissue, where there are two."""
        rate = case.proliferation_rate / (0.5 if len(domain.tissues) == 2 else 1.0)
        return super().values(case.but(proliferation_rate=rate), domain)


class IdleSurgery(TwinSimulator):
    """Surgery nine centimeters off on the second day, and one of everything after the end."""

    def __init__(self) -> None:
        super().__init__("FisherKPP")

    def trajectory(
        self, case: Case, parameters: Mapping[str, float] | None = None, **changes: Any
    ) -> Trajectory:
        """With the distance from the outline."""
        far = np.full(tuple(n + 2 for n in case.shape), 90.0)
        return super().trajectory(case, parameters, **{"resectable_mm": far, **changes})

    def schedule(self, case: Case) -> Schedule:
        """With both surgeries."""
        days = (case.start_days + 1.5, 10.0), (case.times_days[-1] + 1.0, 100.0)
        surgeries = tuple(Surgery(time, margin) for time, margin in days)
        return super().schedule(case) + Schedule(surgeries=surgeries)


class Halves(TwinSimulator):
    """Each fraction as two halves a hundredth of a second apart, between which nothing heals.

    Damage heals within hours, so that other days do not see it. Fractions at one time are left as
    they are: what the second would do to the first is not what the kit asks.
    """

    def __init__(self) -> None:
        super().__init__("FisherKPP", {"repair_half_time": 0.9})

    def values(self, case: Case, domain: Domain) -> dict[str, float]:
        """With repair at once where fractions are whole."""
        usual = super().values(case, domain)
        return usual if _apart(case) else usual | {"repair_half_time": 1e-3}

    def schedule(self, case: Case) -> Schedule:
        """Twice as many fractions."""
        usual = super().schedule(case)
        if not _apart(case):
            return usual
        halves = tuple(
            Fraction(f.time_days + later, 0.5 * f.dose_gy)
            for f in usual.fractions
            for later in (0.0, 1e-7)
        )
        return replace(usual, fractions=halves)


def _apart(case: Case) -> bool:
    times = sorted(time for time, _ in case.fractions)
    return all(after - before >= 1.0 for before, after in zip(times, times[1:], strict=False))


class Enhanced(TwinSimulator):
    """Two thirds of alpha, made whole by a drug that does nothing else, given with each fraction.

    The dose of the day before is a day old and no longer enhances.
    """

    def __init__(self) -> None:
        super().__init__("FisherKPP", {"sensitivity_enhancer": 0.0, "enhancement_enhancer": 0.5})

    def values(self, case: Case, domain: Domain) -> dict[str, float]:
        """With less alpha, and beta as it was."""
        alpha, ratio = case.alpha / 1.5, case.alpha_beta_ratio / 1.5
        return super().values(case.but(alpha=alpha, alpha_beta_ratio=ratio), domain)

    def schedule(self, case: Case) -> Schedule:
        """One dose at the time of every fraction."""
        add_drug(
            Drug(
                "enhancer", Kinetics(9.2), REFERENCE_MG_M2, 0.1, 0.5, "none", "assumed",
                enhancement_sd=0.25,
            )
        )  # fmt: skip
        times = sorted({time for time, _ in case.fractions})
        doses = tuple(DrugDose(time, "enhancer", REFERENCE_MG_M2) for time in times)
        return super().schedule(case) + Schedule((), doses)


ours = Ours()
