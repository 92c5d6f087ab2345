"""Dose to organs: histogram, equivalent uniform dose, complication and relative tumor control.

    EQD2_v = D_v (1 + D_v / (f α/β)) / (1 + 2 / (α/β))  of D_v in f fractions
    gEUD   = (mean EQD2_v^(1/n))^n                    n → 0 the largest dose, n = 1 the mean
    NTCP   = Φ((gEUD − TD50) / (m TD50))
    TCP    = exp(−Σ_v N_v S_v)                        only to compare plans with each other

Lyman 1985 (doi 10.2307/3576626), Kutcher & Burman 1989 (doi 10.1016/0360-3016(89)90972-3),
Niemierko 1997 (doi 10.1118/1.598063). Organs get their dose in fractions: EQD2 comes first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import special

from twin.errors import TwinError
from twin.parameters import Provenance


@dataclass(frozen=True)
class Complication:
    """Lyman-Kutcher-Burman parameters of one end point of one organ.

    Attributes:
        organ: its name.
        end_point: the complication.
        td50_gy: uniform dose to the whole organ, in 2-Gy fractions, that harms half of all, Gy.
        m: slope of the probit.
        n: volume effect; near 0 serial (the largest dose counts), 1 parallel (the mean counts).
        alpha_beta_gy: for EQD2.
        citation: source of the numbers.
        provenance: of the numbers; "assumed" where they were not checked against the paper.
    """

    organ: str
    end_point: str
    td50_gy: float
    m: float
    n: float
    alpha_beta_gy: float
    citation: str
    provenance: Provenance

    def __post_init__(self) -> None:
        for name in ("td50_gy", "m", "n", "alpha_beta_gy"):
            if not getattr(self, name) > 0.0:
                raise TwinError(
                    "not positive",
                    where=f"complication of the {self.organ}: {name}",
                    expected="above 0",
                    got=f"{getattr(self, name):g}",
                )
        if not self.n <= 1.0:
            raise TwinError(
                "beyond the mean dose",
                where=f"complication of the {self.organ}: n",
                expected="0 (largest dose) to 1 (mean dose)",
                got=f"{self.n:g}",
            )


_BURMAN = "Burman et al. 1991, doi 10.1016/0360-3016(91)90172-Z; not checked against the paper"
_PUBLIC = "mean-dose model as in public planning scripts; not checked against a paper"

COMPLICATIONS: dict[str, Complication] = {
    row.organ: row
    for row in (
        Complication("brain", "necrosis", 60.0, 0.15, 0.25, 2.0, _BURMAN, "assumed"),
        Complication("brainstem", "necrosis", 65.0, 0.14, 0.16, 2.0, _BURMAN, "assumed"),
        Complication("optic chiasm", "blindness", 65.0, 0.14, 0.25, 2.0, _BURMAN, "assumed"),
        Complication("spinal cord", "myelitis", 66.5, 0.175, 0.05, 2.0, _BURMAN, "assumed"),
        Complication("lung", "pneumonitis", 30.8, 0.37, 0.99, 3.0, _PUBLIC, "assumed"),
        Complication("heart", "pericarditis", 48.0, 0.10, 0.35, 3.0, _BURMAN, "assumed"),
        Complication(
            "esophagus",
            "stricture",
            68.0,
            0.11,
            0.06,
            3.0,
            _BURMAN + " (a public planning script has 82.3 Gy)",
            "assumed",
        ),
    )
}
"""End points by organ; late tissue, α/β 2 Gy in the nervous system and 3 elsewhere."""


def eqd2_map_gy(
    total_gy: Float[np.ndarray, "*shape"], fractions: int, alpha_beta_gy: float
) -> Float[np.ndarray, "*shape"]:
    """Dose in 2-Gy fractions with the same effect, voxel by voxel, Gy.

    D (1 + D / (f (α/β))) / (1 + 2 / (α/β)) for `fractions` f equal fractions.

    Raises:
        TwinError: no fractions, or α/β is not positive.
    """
    if fractions < 1 or not alpha_beta_gy > 0.0:
        raise TwinError(
            "EQD2 needs fractions and an α/β",
            where="eqd2_map_gy",
            expected="at least 1 fraction, α/β above 0 Gy",
            got=f"{fractions} fractions, α/β {alpha_beta_gy:g} Gy",
        )
    total = np.asarray(total_gy, float)
    return total * (1.0 + total / (fractions * alpha_beta_gy)) / (1.0 + 2.0 / alpha_beta_gy)


def dose_volume_histogram(
    dose_gy: Float[np.ndarray, "*shape"], levels_gy: Float[np.ndarray, " levels"]
) -> Float[np.ndarray, " levels"]:
    """Share of the organ's volume that gets at least each of the levels (cumulative histogram).

    Args:
        dose_gy: dose of each voxel of the organ, voxels of one size.
        levels_gy: (L,) doses.
    """
    dose = np.sort(_checked(dose_gy))
    below = np.searchsorted(dose, np.asarray(levels_gy, float), side="left")
    return 1.0 - below / dose.size


def dose_at_volume_gy(dose_gy: Float[np.ndarray, "*shape"], share: float) -> float:
    """Least dose of the hottest `share` of the organ, D_share, Gy; share 1 is the least dose."""
    dose = np.sort(_checked(dose_gy))[::-1]
    if not 0.0 < share <= 1.0:
        raise TwinError(
            "a share of the volume lies between 0 and 1", where="share", got=f"{share:g}"
        )
    return float(dose[max(int(np.ceil(share * dose.size - 1e-9)), 1) - 1])


def equivalent_uniform_dose_gy(dose_gy: Float[np.ndarray, "*shape"], n: float) -> float:
    """Generalized equivalent uniform dose (mean D^(1/n))^n, Gy.

    Args:
        dose_gy: dose of each voxel of the organ, voxels of one size.
        n: volume effect, above 0; may be as small as wanted.

    Raises:
        TwinError: there is no dose, it is negative, or n is not positive.
    """
    dose = _checked(dose_gy)
    if not n > 0.0:
        raise TwinError("not positive", where="n", expected="above 0", got=f"{n:g}")
    largest = float(dose.max())
    if largest == 0.0:
        return 0.0
    # Relative to the largest dose, or powers of 1/n would overflow.
    return largest * float(np.mean((dose / largest) ** (1.0 / n))) ** n


def complication_probability(
    dose_gy: Float[np.ndarray, "*shape"], fractions: int, complication: Complication | str
) -> float:
    """NTCP of an organ from its physical dose, 0 to 1.

    Args:
        dose_gy: total dose of each voxel of the organ, Gy, voxels of one size.
        fractions: number of equal fractions.
        complication: parameters, or the organ they are listed under.

    Raises:
        TwinError: the organ is not listed, or as `equivalent_uniform_dose_gy`.
    """
    row = complication if isinstance(complication, Complication) else get_complication(complication)
    equivalent = eqd2_map_gy(_checked(dose_gy), fractions, row.alpha_beta_gy)
    return probability_of_uniform_dose(equivalent_uniform_dose_gy(equivalent, row.n), row)


def probability_of_uniform_dose(eqd2_gy: float, complication: Complication | str) -> float:
    """NTCP of an organ dosed uniformly, or of its gEUD: Φ((EQD2 − TD50) / (m TD50)), 0 to 1.

    Args:
        eqd2_gy: dose in 2-Gy fractions, Gy.
        complication: parameters, or the organ they are listed under.

    Raises:
        TwinError: the organ is not listed.
    """
    row = complication if isinstance(complication, Complication) else get_complication(complication)
    return float(special.ndtr((eqd2_gy - row.td50_gy) / (row.m * row.td50_gy)))


def get_complication(organ: str) -> Complication:
    """The parameters listed for an organ.

    Raises:
        TwinError: none are.
    """
    if organ not in COMPLICATIONS:
        raise TwinError(
            f"no complication is listed for {organ!r}",
            where="organ",
            expected=", ".join(COMPLICATIONS),
            got=repr(organ),
            fix="Give a Complication with parameters of your own.",
        )
    return COMPLICATIONS[organ]


def relative_tumor_control(
    clonogens: Float[np.ndarray, "*shape"], survival: Float[np.ndarray, "*shape"]
) -> float:
    """exp(−Σ N_v S_v), the Poisson chance that no clonogenic cell is left.

    The number of clonogenic cells is not known to within orders of magnitude, so that the value
    means nothing by itself: use it to put plans for the same tumor in order.

    Args:
        clonogens: N, clonogenic cells of each voxel.
        survival: S, share that survives in each voxel.

    Raises:
        TwinError: negative numbers, or a share above 1.
    """
    cells, share = np.asarray(clonogens, float), np.asarray(survival, float)
    if not (cells >= 0.0).all():
        raise TwinError("negative or no numbers", where="clonogens", expected="cells, 0 or up")
    if not ((share >= 0.0).all() and (share <= 1.0).all()):
        raise TwinError(
            "no shares that survive, as negative doses give them",
            where="survival",
            expected="0 to 1 in every voxel",
            got=f"{share.min():g} to {share.max():g}",
        )
    return float(np.exp(-(cells * share).sum()))


def _checked(dose_gy: np.ndarray) -> np.ndarray:
    dose = np.asarray(dose_gy, float).ravel()
    if not (dose.size and np.isfinite(dose).all() and (dose >= 0.0).all()):
        raise TwinError(
            "the organ has no dose, or doses that are negative or no numbers",
            where="dose_gy",
            expected="at least one voxel, Gy, 0 or up",
        )
    return dose
