"""Simulators with one defect each: the correct NumPy reference with a method spoiled.

`DEFECTS` maps a defect to the class that has it and to the properties that must fail for it.
"""

from __future__ import annotations

import math

import numpy as np

from twin.testing.case import Case, Drug
from twin.testing.reference import NumpySimulator, shifted
from twin.testing.reference_extras import FullSimulator

DEFECTS: dict[str, tuple[type[NumpySimulator], tuple[str, ...]]] = {}


def breaks(*properties: str):
    """Register a class under its docstring as a defect that breaks the properties named."""

    def register(cls):
        DEFECTS[cls.__doc__.strip()] = (cls, properties)
        return cls

    return register


@breaks(
    "densities_are_never_negative",
    "diffusion_makes_no_new_extremes",
    "strong_diffusion_stays_bounded",
)
class LongSteps(FullSimulator):
    """a diffusion step longer than is positive"""

    def __init__(self):
        super().__init__(dt_days=4.0)

    def diffuse(self, u, links, dt_days):
        return u + dt_days * self.divergence(u, links)


@breaks("densities_never_exceed_the_capacity")
class Overshooting(FullSimulator):
    """growth past the capacity"""

    def react(self, case, u, dead, begin, h):
        u, dead = super().react(case, u, dead, begin, h)
        return np.where(u > 0.8 * case.carrying_capacity, 1.3 * u, u), dead


@breaks("growth_ends_at_the_capacity", "densities_can_be_told_in_any_unit")
class FixedCapacity(FullSimulator):
    """a capacity of 1 whatever is asked"""

    def react(self, case, u, dead, begin, h):
        return super().react(case.but(carrying_capacity=1.0), u, dead, begin, h)


@breaks(
    "cells_are_conserved_without_growth",
    "nothing_leaves_at_the_border_of_the_array",
    "diffusion_makes_no_new_extremes",
)
class LeakyBorder(FullSimulator):
    """cells that leave through the border of the tissue"""

    def divergence(self, u, links):
        lost = 0.0
        for offset, g in links:
            back = tuple(-o for o in offset)
            lost = lost + g.max() * (2.0 - (g > 0) - (shifted(g, back) > 0))
        return super().divergence(u, links) - 0.01 * lost * u


@breaks("cells_are_conserved_in_uneven_tissue")
class LaplacianOfUneven(FullSimulator):
    """D times the Laplacian in place of the divergence of the flux"""

    def links(self, case):
        self.field = np.where(case.mask, case.diffusivity, 0.0) if case.dimensions < 5 else None
        if case.dimensions != 3:
            self.field = None
            return super().links(case)
        return super().links(case.but(diffusivity=1.0))

    def divergence(self, u, links):
        found = super().divergence(u, links)
        return found if self.field is None else self.field * found


@breaks("cells_are_conserved_along_fibers")
class CentralCross(FullSimulator):
    """a cross derivative by central differences, which makes negative densities"""

    def links(self, case):
        self.cross = None
        if case.dimensions == 5:
            tensor = np.asarray(case.diffusivity)[:, :, 0, 0, 0]
            self.cross = tensor - np.diag(np.diag(tensor))
            diagonal = np.diag(np.diag(tensor))[:, :, None, None, None] * np.ones(case.shape)
            return super().links(case.but(diffusivity=diagonal))
        return super().links(case)

    def divergence(self, u, links):
        found = super().divergence(u, links)
        if self.cross is None:
            return found
        for i, j in ((0, 1), (0, 2), (1, 2)):
            one = np.gradient(np.gradient(u, axis=i), axis=j)
            found = found + 2.0 * self.cross[i, j] * one
        return found


@breaks("cells_do_not_cross_what_is_no_tissue", "padding_with_air_changes_nothing")
class Periodic(FullSimulator):
    """neighbors that wrap around the array"""

    def divergence(self, u, links):
        total = np.zeros_like(u)
        for offset, g in links:
            axis = int(np.argmax(offset))
            inside = g.max(axis=axis, keepdims=True) > 0
            flux = np.where(g > 0, g, 0.0) * (np.roll(u, -1, axis) - u)
            ring = np.zeros_like(flux)
            last = [slice(None)] * 3
            last[axis] = slice(-1, None)
            first = [slice(None)] * 3
            first[axis] = slice(0, 1)
            both = (u[tuple(last)] + u[tuple(first)] > 0) & inside
            ring[tuple(last)] = np.where(both, g.max() * (u[tuple(first)] - u[tuple(last)]), 0.0)
            flux = flux + ring
            total = total + flux - np.roll(flux, 1, axis)
        return total


@breaks("nothing_is_outside_the_mask")
class GrowsOutside(FullSimulator):
    """cells that spread outside the tissue"""

    def links(self, case):
        if case.dimensions == 5:
            return super().links(case)
        return super().links(case.but(mask=np.ones_like(case.mask)))


@breaks("cells_outside_the_mask_do_not_live")
class SpillsOver(FullSimulator):
    """cells outside the tissue at the start that stay and grow"""

    def __call__(self, case):
        found = super().__call__(case)
        return np.where(case.mask, found, 1.1 * case.initial)


@breaks("a_thin_sheet_conducts_along", "a_thin_sheet_conducts_across")
class NeedsTwoNeighbors(FullSimulator):
    """no diffusion along an axis at voxels without a neighbor on either side of it"""

    def links(self, case):
        found = []
        for offset, g in super().links(case):
            back = tuple(-o for o in offset)
            both = (g > 0) & (shifted(g, back) > 0)
            alone = ~np.stack(
                [(h > 0) | (shifted(h, tuple(-o for o in p)) > 0) for p, h in super().links(case)]
            ).all(axis=0)
            found.append((offset, np.where(alone, 0.0, g * (both | shifted(both, offset)))))
        return found


@breaks("axes_can_be_permuted", "a_blob_widens_as_diffusion_says")
class ReversedSpacing(FullSimulator):
    """voxel sizes read as z, y, x"""

    def links(self, case):
        return super().links(case.but(spacing_mm=case.spacing_mm[::-1]))


@breaks("axes_can_be_permuted", "round_tumors_stay_round", "fronts_travel_at_fishers_speed")
class DroppedFace(FullSimulator):
    """no flux along z"""

    def links(self, case):
        return [(offset, g * (offset[2] == 0)) for offset, g in super().links(case)]


@breaks("a_mirror_image_gives_the_mirror_image", "errors_fall_with_the_square_of_the_voxel")
class FaceOfTheLeft(FullSimulator):
    """the diffusivity of a face taken from the voxel on its left"""

    def links(self, case):
        if case.dimensions != 3:
            return super().links(case)
        field = np.asarray(case.diffusivity)
        open_links = super().links(case)
        axis = 1.0 / np.array(case.spacing_mm) ** 2
        return [
            (offset, np.where(g > 0, field * axis[int(np.argmax(offset))], 0.0))
            for offset, g in open_links
        ]


@breaks("layers_resist_in_series")
class ArithmeticMean(FullSimulator):
    """the arithmetic in place of the harmonic mean of two diffusivities"""

    def links(self, case):
        if case.dimensions != 3:
            return super().links(case)
        field = np.asarray(case.diffusivity)
        axis = 1.0 / np.array(case.spacing_mm) ** 2
        return [
            (o, np.where(g > 0, 0.5 * (field + shifted(field, o)) * axis[int(np.argmax(o))], 0.0))
            for o, g in super().links(case)
        ]


@breaks("fibers_can_be_turned", "a_blob_spreads_by_its_tensor")
class DiagonalTensor(FullSimulator):
    """a tensor without its off-diagonal entries"""

    def links(self, case):
        if case.dimensions == 5:
            kept = np.eye(3)[:, :, None, None, None] * np.asarray(case.diffusivity)
            return super().links(case.but(diffusivity=kept))
        return super().links(case)


@breaks("a_round_tensor_is_a_number")
class TraceTensor(FullSimulator):
    """the trace of a tensor for its mean"""

    def links(self, case):
        scale = 3.0 if case.dimensions == 5 else 1.0
        return [(offset, scale * g) for offset, g in super().links(case)]


@breaks("lengths_can_be_told_in_centimeters")
class LeastDiffusivity(FullSimulator):
    """a smallest diffusivity in mm²/day"""

    def links(self, case):
        if case.dimensions == 5:
            return super().links(case)
        return super().links(case.but(diffusivity=np.maximum(case.diffusivity, 0.05)))


@breaks("a_blob_widens_as_diffusion_says", "fronts_travel_at_fishers_speed")
class LengthNotSquared(FullSimulator):
    """conductances over h in place of h²"""

    def links(self, case):
        if case.dimensions == 5:
            return super().links(case)
        return super().links(case.but(spacing_mm=tuple(s**0.5 for s in case.spacing_mm)))


@breaks("padding_with_air_changes_nothing")
class DeadOuterPlanes(FullSimulator):
    """no diffusion in the outer planes of the array"""

    def links(self, case):
        inner = np.zeros(case.shape, bool)
        inner[1:-1, 1:-1, 1:-1] = True
        return [(o, g * inner * shifted(inner, o)) for o, g in super().links(case)]


@breaks("far_tissue_has_no_effect")
class GlobalCrowding(FullSimulator):
    """growth that depends on the mean density of all tissue"""

    def react(self, case, u, dead, begin, h):
        mean = float(np.real(u).sum() / case.mask.sum())
        return super().react(
            case.but(proliferation_rate=case.proliferation_rate * (1.0 - mean)), u, dead, begin, h
        )


@breaks("more_room_never_lowers_the_total")
class GrowsAtWalls(FullSimulator):
    """growth at the border of the tissue only"""

    def react(self, case, u, dead, begin, h):
        grown, dead = super().react(case, u, dead, begin, h)
        around = sum(
            shifted(case.mask.astype(float), tuple(int(v) for v in sign * np.eye(3, dtype=int)[a]))
            for a in range(3)
            for sign in (-1, 1)
        )
        return np.where(around < 6, grown, np.minimum(grown, u)), dead


@breaks("time_can_be_told_in_half_days")
class SlowPoison(FullSimulator):
    """a decay of 0.1 % a day that nobody asked for"""

    def react(self, case, u, dead, begin, h):
        u, dead = super().react(case, u, dead, begin, h)
        return u * math.exp(-1e-3 * h), dead


@breaks("the_calendar_can_be_shifted")
class Weekends(FullSimulator):
    """fractions that are left out on days 5 and 6 of an absolute week"""

    def survival_at(self, case, time_days):
        return 1.0 if time_days % 7.0 >= 5.0 else super().survival_at(case, time_days)


@breaks("hours_count", "two_fractions_a_day_both_count")
class WholeDays(FullSimulator):
    """hours cut off, one fraction a day"""

    def run(self, case, dtype=float):
        daily = {float(math.floor(t)): d for t, d in case.fractions}
        return super().run(case.but(fractions=tuple(daily.items())), dtype)


@breaks("hours_count")
class DayLate(FullSimulator):
    """treatments a day late"""

    def run(self, case, dtype=float):
        return super().run(case.but(fractions=tuple((t + 1, d) for t, d in case.fractions)), dtype)


@breaks("a_course_can_be_run_in_two_parts", "the_calendar_can_be_shifted")
class ClockFromStart(FullSimulator):
    """treatment times read from the start of the simulation"""

    def run(self, case, dtype=float):
        moved = tuple((t + case.start_days, d) for t, d in case.fractions)
        return super().run(case.but(fractions=moved), dtype)


@breaks("a_course_can_be_run_in_two_parts", "drugs_act_after_they_are_given")
class ForgetsDrugs(FullSimulator):
    """drug given before the start forgotten"""

    def run(self, case, dtype=float):
        drugs = tuple(
            Drug(
                d.sensitivity_per_day,
                d.elimination_rate_per_day,
                tuple((t, a) for t, a in d.doses if t >= case.start_days),
            )
            for d in case.drugs
        )
        return super().run(case.but(drugs=drugs), dtype)


@breaks("a_restart_changes_no_bit")
class RoundedCheckpoint(FullSimulator):
    """a checkpoint in single precision"""

    def split(self, case, at_days):
        early = tuple(t for t in case.times_days if t <= at_days)
        late = tuple(t for t in case.times_days if t > at_days)
        first = self(case.but(times_days=early))
        kept = first[-1].astype(np.float32).astype(float)
        rest = self(case.but(initial=kept, start_days=at_days, times_days=late))
        return np.concatenate([first, rest])


@breaks("more_outputs_change_nothing", "outputs_between_steps_change_little")
class OutputsCost(FullSimulator):
    """a loss of 1 % at every output"""

    def run(self, case, dtype=float):
        viable, dead = super().run(case, dtype)
        loss = 0.99 ** np.arange(len(viable))
        return viable * loss[:, None, None, None], dead


@breaks("uniform_tumors_grow_logistically", "errors_fall_with_the_square_of_the_step")
class EulerGrowth(FullSimulator):
    """logistic growth by Euler's method"""

    def react(self, case, u, dead, begin, h):
        kill = self.log_kill(case, begin, np.array([h]))[0]
        grown = u + h * case.proliferation_rate * u * (1.0 - u / case.carrying_capacity)
        return grown * np.exp(-kill), dead + (1.0 - np.exp(-kill)) * grown


@breaks("errors_fall_with_the_square_of_the_step")
class LieSplitting(FullSimulator):
    """a whole step of reaction and a whole step of diffusion"""

    def react(self, case, u, dead, begin, h):
        if getattr(self, "second", False):
            self.second = False
            return u, dead
        self.second = True
        return super().react(case, u, dead, begin, 2.0 * h)


@breaks("without_growth_solutions_add_up")
class CrowdedDiffusion(FullSimulator):
    """diffusion that slows down where cells are dense"""

    def divergence(self, u, links):
        return super().divergence(u * (1.0 - 0.2 * u), links)


@breaks("more_cells_stay_more_cells")
class Necrosis(FullSimulator):
    """dense tissue that dies at once"""

    def react(self, case, u, dead, begin, h):
        u, dead = super().react(case, u, dead, begin, h)
        return np.where(np.real(u) > 0.8 * case.carrying_capacity, 0.3 * u, u), dead


@breaks("a_dose_of_zero_does_nothing")
class CostlyVisit(FullSimulator):
    """a fraction that kills 1 % whatever its dose"""

    def survival_at(self, case, time_days):
        visits = sum(t == time_days for t, _ in case.fractions)
        return super().survival_at(case, time_days) * 0.99**visits


@breaks("more_radiation_never_leaves_more_cells")
class CappedDose(FullSimulator):
    """doses above 2.5 Gy taken for errors and left out"""

    def run(self, case, dtype=float):
        kept = tuple((t, d) for t, d in case.fractions if d <= 2.5)
        return super().run(case.but(fractions=kept), dtype)


@breaks("more_drug_never_leaves_more_cells")
class CappedAmount(FullSimulator):
    """amounts above 1.2 taken for errors and left out"""

    def log_kill(self, case, begin, after):
        drugs = tuple(
            Drug(
                d.sensitivity_per_day,
                d.elimination_rate_per_day,
                tuple((t, a) for t, a in d.doses if a <= 1.2),
            )
            for d in case.drugs
        )
        return super().log_kill(case.but(drugs=drugs), begin, after)


@breaks("treatment_never_leaves_more_than_none")
class WrongSign(FullSimulator):
    """a drug that feeds the tumor"""

    def log_kill(self, case, begin, after):
        return -super().log_kill(case, begin, after)


@breaks("survival_is_linear_quadratic", "equal_eqd2_kills_equally")
class SwappedRatio(FullSimulator):
    """alpha/beta read as beta/alpha"""

    def survival_at(self, case, time_days):
        return super().survival_at(
            case.but(alpha_beta_ratio=1.0 / case.alpha_beta_ratio), time_days
        )


@breaks("dividing_a_dose_spares", "survival_is_linear_quadratic")
class LinearOnly(FullSimulator):
    """no quadratic term"""

    def survival_at(self, case, time_days):
        return super().survival_at(case.but(alpha_beta_ratio=1e12), time_days)


@breaks("doses_at_one_time_all_count")
class KeyedByTime(FullSimulator):
    """doses kept in a table with one entry for each time"""

    def run(self, case, dtype=float):
        drugs = tuple(
            Drug(
                d.sensitivity_per_day,
                d.elimination_rate_per_day,
                tuple(dict(d.doses).items()),
            )
            for d in case.drugs
        )
        return super().run(
            case.but(fractions=tuple(dict(case.fractions).items()), drugs=drugs), dtype
        )


@breaks("drug_kill_is_the_exposure_whatever_the_step", "errors_fall_with_the_square_of_the_step")
class RateAtTheStart(FullSimulator):
    """the kill rate at the start of a step for the whole of it"""

    def log_kill(self, case, begin, after):
        near = 1e-6
        return super().log_kill(case, begin, np.array([near]))[0] / near * after


@breaks("drugs_act_after_they_are_given")
class ActsEarly(FullSimulator):
    """a drug that acts from the start of the course on"""

    def log_kill(self, case, begin, after):
        drugs = tuple(
            Drug(
                d.sensitivity_per_day,
                d.elimination_rate_per_day,
                tuple((min(t, case.start_days), a) for t, a in d.doses),
            )
            for d in case.drugs
        )
        return super().log_kill(case.but(drugs=drugs), begin, after)


@breaks("doses_at_the_ends_count_once")
class TwiceAtTheStart(FullSimulator):
    """a fraction at the start counted twice"""

    def survival_at(self, case, time_days):
        once = super().survival_at(case, time_days)
        return once**2 if time_days == case.start_days else once


@breaks("the_order_of_the_list_does_not_matter")
class LastDrugOnly(FullSimulator):
    """the elimination rate of the last drug for all"""

    def log_kill(self, case, begin, after):
        drugs = tuple(
            Drug(d.sensitivity_per_day, case.drugs[-1].elimination_rate_per_day, d.doses)
            for d in case.drugs
        )
        return super().log_kill(case.but(drugs=drugs), begin, after)


@breaks("derivatives_agree_with_differences")
class NoSlopeByAlpha(FullSimulator):
    """a derivative by alpha that forgets beta"""

    def derivative(self, case, parameter):
        if parameter == "alpha":
            return 0.9 * super().derivative(case, parameter)
        return super().derivative(case, parameter)


@breaks("derivatives_by_the_initial_state_are_right", "the_adjoint_is_the_adjoint")
class SlopeOfTheStart(FullSimulator):
    """a derivative by the initial state without growth"""

    def jvp(self, case, direction):
        if "initial" in direction:
            return super().jvp(case.but(proliferation_rate=0.0), {"initial": direction["initial"]})
        return super().jvp(case, direction)


@breaks("gradients_agree_with_differences")
class LooseAdjoint(FullSimulator):
    """a gradient by diffusivity that is off by two permille"""

    def vjp(self, case, weights):
        found = super().vjp(case, weights)
        return {**found, "diffusivity": 1.002 * found["diffusivity"]}


@breaks("a_batch_is_a_loop")
class CrossTalk(FullSimulator):
    """parameters of the first case used for the whole batch"""

    def batch(self, cases):
        first = cases[0]
        return [self(c.but(proliferation_rate=first.proliferation_rate)) for c in cases]


@breaks("single_precision_agrees_with_double")
class HalfPrecision(FullSimulator):
    """half precision sold as single"""

    def at_precision(self, case, name):
        return super().at_precision(case, name).astype(np.float16 if name == "single" else float)


@breaks("every_way_to_run_agrees")
class OtherChunks(FullSimulator):
    """another result in chunks"""

    def variants(self):
        return {"in chunks": lambda case: self(case) * (1.0 + 1e-3)}


@breaks("runs_can_be_repeated")
class StaleGrowth(FullSimulator):
    """the growth rate of the call before"""

    last = 0.05

    def run(self, case, dtype=float):
        used, self.last = self.last, case.proliferation_rate
        return super().run(case.but(proliferation_rate=used), dtype)


@breaks("draws_follow_their_seed")
class NoSeed(FullSimulator):
    """draws that ignore their seed"""

    def draws(self, seed, count):
        return super().draws(0, count)


@breaks("transfers_between_compartments_conserve")
class LosesTheDead(FullSimulator):
    """half of the killed cells nowhere"""

    def compartments(self, case):
        found = super().compartments(case)
        return {**found, "dead": 0.5 * found["dead"]}


@breaks("inputs_are_left_as_they_are")
class WritesOnInput(FullSimulator):
    """the caller's initial state used as working memory"""

    def run(self, case, dtype=float):
        found = super().run(case, dtype)
        if dtype is float:
            case.initial[:] = found[0][-1]
        return found


@breaks("bad_input_is_refused_by_name")
class AcceptsAll(FullSimulator):
    """input taken as it comes"""

    def __call__(self, case):
        with np.errstate(all="ignore"):
            return self.run(case)[0]


@breaks("treated_densities_are_never_negative")
class Subtracts(FullSimulator):
    """a fraction that takes a fixed number of cells"""

    def survival_at(self, case, time_days):
        return super().survival_at(case, time_days) - 0.01 * sum(
            t == time_days for t, _ in case.fractions
        )

    def react(self, case, u, dead, begin, h):
        killed = 0.01 * any(t == begin for t, _ in case.fractions)
        u, dead = super().react(case, u, dead, begin, h)
        return np.where(case.mask, u - killed, 0.0), dead


@breaks("cells_from_adc_fall_and_stay_in_bounds")
class AbsoluteAdc(FullSimulator):
    """the distance from free water on either side"""

    def adc_to_cells(self, adc):
        return np.abs(self.water_adc - adc) / (self.water_adc - 0.5)


@breaks("drug_levels_add_up", "repeated_doses_accumulate")
class LastDoseOnly(FullSimulator):
    """a level that each dose sets anew"""

    def concentration(self, doses, rate, times):
        return super().concentration(doses[-1:], rate, times)


@breaks("exposure_is_dose_over_clearance")
class ExposurePerDay(FullSimulator):
    """hours taken for days in the exposure"""

    def auc(self, dose, clearance):
        return 24.0 * dose / clearance


@breaks("survival_by_the_formula")
class SquaresAlpha(FullSimulator):
    """alpha squared in the survival"""

    def survival(self, dose_gy, alpha, alpha_beta_ratio):
        return super().survival(dose_gy, alpha**2, alpha_beta_ratio)


@breaks("eqd2_of_two_gray_fractions_is_the_dose")
class BedForEqd2(FullSimulator):
    """BED given out as EQD2"""

    def eqd2(self, dose_gy, fractions, alpha_beta_ratio):
        return fractions * dose_gy * (1.0 + dose_gy / alpha_beta_ratio)


@breaks("bad_doses_are_refused_by_name")
class AbsoluteDose(FullSimulator):
    """the size of a dose for the dose"""

    def eqd2(self, dose_gy, fractions, alpha_beta_ratio):
        return super().eqd2(abs(dose_gy), fractions, alpha_beta_ratio)


@breaks("equivalent_dose_lies_between_extremes")
class InverseExponent(FullSimulator):
    """the volume exponent upside down"""

    def geud(self, doses_gy, n):
        return super().geud(doses_gy, 1.0 / n)


@breaks("complications_rise_with_dose")
class FallingNtcp(FullSimulator):
    """a complication probability with the wrong sign"""

    def ntcp(self, doses_gy):
        return 1.0 - super().ntcp(doses_gy)


@breaks("control_rises_with_dose")
class ColdForHot(FullSimulator):
    """cold for hot in the control probability"""

    def tcp(self, doses_gy):
        return super().tcp(70.0 - doses_gy)


@breaks("more_data_shrinks_the_variance")
class NoShrinkage(FullSimulator):
    """a posterior as wide as one datum makes it"""

    def posterior_sd(self, values, noise_sd, prior_sd):
        return super().posterior_sd(values[:1], noise_sd, prior_sd)


@breaks("the_tail_mean_is_a_risk_measure")
class QuantileForTail(FullSimulator):
    """the quantile in place of the mean beyond it"""

    def cvar(self, losses, level):
        return float(np.quantile(losses, level))


@breaks("trade_offs_are_not_dominated")
class KeepsAll(FullSimulator):
    """every point kept"""

    def pareto(self, first, second):
        return np.ones(len(first), bool)


@breaks("the_best_plan_is_the_best")
class BestOfTheMean(FullSimulator):
    """the plan with the least mean"""

    def best_plan(self, losses, level):
        return int(losses.mean(axis=1).argmin())


class Blunt(NumpySimulator):
    """For a script: a simulator that loses a tenth of its cells, and can be imported."""

    name = "blunt"

    def __call__(self, case: Case) -> np.ndarray:
        return 0.9 * super().__call__(case)


blunt = Blunt()


class Doubled(NumpySimulator):
    """For a script: twice what is right, and can be imported."""

    name = "doubled"

    def __call__(self, case: Case) -> np.ndarray:
        return 2.0 * super().__call__(case)


doubled = Doubled()
