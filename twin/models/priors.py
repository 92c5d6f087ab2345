"""Prior tables by tumor site. Values and sources; what is assumed says so."""

from __future__ import annotations

from twin.errors import TwinError
from twin.parameters import Fixed, LogNormal, LogUniform, Normal, Parameter, Prior, Provenance
from twin.patient import SITES
from twin.treatments.chemotherapy import get_drug

_LIPKOVA = "Lipkova et al. 2019, doi 10.1109/TMI.2019.2902044 (prior file of GliomaSolver)"
_SARCOMA = "assumed: pushing border, doubling time of weeks to months"
_WIDE = "assumed, wide"
_ROCKNE = "Rockne et al. 2010, doi 10.1088/0031-9155/55/12/001"

_GROWTH: dict[str, tuple[tuple[Prior, str, Provenance], tuple[Prior, str, Provenance]]] = {
    "glioma": (
        (LogUniform(0.02, 1.5), _LIPKOVA, "literature human"),
        (LogUniform(0.0027, 0.19), _LIPKOVA, "literature human"),
    ),
    "soft_tissue_sarcoma": (
        (LogUniform(0.02, 2.0), _SARCOMA, "assumed"),
        (LogUniform(0.003, 0.1), _SARCOMA, "assumed"),
    ),
    "breast": (
        (LogUniform(0.005, 1.0), _WIDE, "assumed"),
        (LogUniform(0.002, 0.2), _WIDE, "assumed"),
    ),
    "generic": (
        (LogUniform(0.005, 2.0), _WIDE, "assumed"),
        (LogUniform(0.002, 0.2), _WIDE, "assumed"),
    ),
}

_RADIOTHERAPY: dict[str, tuple[tuple[Prior, str, Provenance], tuple[Prior, str, Provenance]]] = {
    "glioma": (
        (LogNormal(0.04, 0.5), _ROCKNE, "literature human"),
        (Normal(10.0, 2.0, 2.0, 20.0), "assumed: 5 to 10 Gy in gliomas", "assumed"),
    ),
    "soft_tissue_sarcoma": (
        (LogNormal(0.12, 0.5), "assumed: 0.05 to 0.3 /Gy", "assumed"),
        (LogNormal(4.0, 0.4), "assumed: about 4 Gy (0.5 to 5 reported)", "assumed"),
    ),
    "breast": (
        (LogNormal(0.1, 0.6), _WIDE, "assumed"),
        (Normal(4.0, 1.0, 1.0, 10.0), "assumed: 3.5 to 4 Gy", "assumed"),
    ),
    "generic": (
        (LogNormal(0.1, 0.7), _WIDE, "assumed"),
        (LogUniform(1.5, 20.0), _WIDE, "assumed"),
    ),
}


def growth_priors(site: str) -> list[Parameter]:
    """Diffusivity, proliferation and clearance of a tumor site."""
    (spread, spread_source, spread_kind), (growth, growth_source, growth_kind) = _of(_GROWTH, site)
    return [
        Parameter(
            "diffusivity",
            "mm²/day",
            spread,
            "diffusivity of tumor cells in the reference tissue",
            spread_source,
            spread_kind,
        ),
        Parameter(
            "proliferation_rate",
            "1/day",
            growth,
            "net proliferation rate far below the capacity",
            growth_source,
            growth_kind,
        ),
        Parameter(
            "clearance_half_life",
            "day",
            LogNormal(35.0, 0.5),
            "time in which half of the killed cells vanish from view",
            "assumed: 2 to 12 weeks",
            "assumed",
            needs="treatment",
        ),
    ]


def radiotherapy_priors(site: str) -> list[Parameter]:
    """Linear-quadratic parameters of a tumor site."""
    (alpha, alpha_source, alpha_kind), (ratio, ratio_source, ratio_kind) = _of(_RADIOTHERAPY, site)
    return [
        Parameter(
            "radiosensitivity_alpha",
            "1/Gy",
            alpha,
            "linear coefficient of the log kill of a fraction",
            alpha_source,
            alpha_kind,
            needs="radiotherapy",
        ),
        Parameter(
            "alpha_beta_ratio",
            "Gy",
            ratio,
            "dose at which linear and quadratic kill are equal",
            ratio_source,
            ratio_kind,
            needs="radiotherapy",
        ),
        Parameter(
            "repair_half_time",
            "hour",
            LogNormal(1.5, 0.5),
            "half-time of the repair of sublethal damage between fractions",
            "assumed: 0.5 to 4 h",
            "assumed",
            needs="several fractions a day",
        ),
        Parameter(
            "linear_onset_dose",
            "Gy",
            Fixed(10.0),
            "dose of a fraction above which its log kill goes on linearly",
            "assumed: 8 to 10 Gy",
            "assumed",
        ),
        Parameter(
            "repopulation_factor",
            "1",
            Fixed(0.0),
            "relative increase of the growth rate after the kick-off of repopulation",
            "assumed: seen in squamous cell carcinoma, not at these sites",
            "assumed",
        ),
        Parameter(
            "repopulation_delay",
            "day",
            Fixed(28.0),
            "time from the first fraction to the kick-off of repopulation",
            "assumed: 21 to 28 days",
            "assumed",
        ),
    ]


def drug_priors(drugs: tuple[str, ...]) -> list[Parameter]:
    """Sensitivity to each drug, and its enhancement of radiotherapy where it has one."""
    rows = []
    for name in drugs:
        drug = get_drug(name)
        rows.append(
            Parameter(
                f"sensitivity_{name}",
                "1/day",
                LogNormal(drug.log_kill_median / drug.exposure_per_dose_days, drug.log_kill_sigma),
                f"kill rate at the concentration that {drug.reference_dose_mg_m2:g} mg/m² reaches"
                " at once",
                f"prior assumed (log cell kill per dose about {drug.log_kill_median:g}); kinetics: "
                + drug.citation,
                "assumed",
                needs=f"drug {name}",
            )
        )
        if drug.radiosensitizer is not None:
            rows.append(
                Parameter(
                    f"enhancement_{name}",
                    "1",
                    drug.radiosensitizer,
                    f"relative increase of the linear radiosensitivity by a dose of {name} within a"
                    " day before the fraction",
                    "assumed",
                    "assumed",
                    needs=f"radiotherapy with {name}",
                )
            )
    return rows


def tissue_priors(tissues: tuple[str, ...]) -> list[Parameter]:
    """Diffusivity, growth and capacity of each tissue after the first, relative to the first."""
    rows = []
    for tissue in tissues[1:]:
        grey = tissue in ("grey", "gray", "grey_matter", "gray_matter")
        source = "GliomaSolver default: ten times slower than in white matter"
        rows += [
            Parameter(
                f"diffusivity_ratio_{tissue}",
                "1",
                LogNormal(0.1, 0.7) if grey else LogNormal(0.5, 0.5),
                f"diffusivity in {tissue} relative to the reference tissue",
                source if grey else "assumed",
                "literature human" if grey else "assumed",
            ),
            Parameter(
                f"growth_ratio_{tissue}",
                "1",
                Fixed(1.0),
                f"proliferation in {tissue} relative to the reference tissue",
                "assumed equal",
                "assumed",
            ),
            Parameter(
                f"capacity_ratio_{tissue}",
                "1",
                Fixed(1.0),
                f"carrying capacity of {tissue} relative to the reference tissue, at most 1",
                "assumed equal",
                "assumed",
            ),
        ]
    return rows


def _of(table: dict, site: str) -> tuple:
    if site not in table:
        raise TwinError(
            f"unknown tumor site {site!r}", where="site", expected=", ".join(SITES), got=repr(site)
        )
    return table[site]


_YOUNG: dict[str, tuple[float, float, str]] = {
    "glioma": (2.1, 8.0, "defaults of GLIA (Include/Parameters.h): brain 2.1, tumor 8 kPa"),
    "soft_tissue_sarcoma": (10.0, 20.0, "assumed: relaxed muscle about 10 kPa"),
    "breast": (4.0, 20.0, "fibroglandular 4, tumor 20 kPa in a published breast model"),
    "generic": (5.0, 20.0, "assumed"),
}


def stiffness_priors(site: str, tissues: tuple[str, ...]) -> list[Parameter]:
    """Young's moduli of the reference tissue, of the others relative to it, and of the tumor."""
    healthy, tumor, source = _of(_YOUNG, site)  # type: ignore[misc]
    rows = [
        Parameter(name, "kPa", Fixed(value), text, f"{source}; not yet checked", "assumed")
        for name, value, text in (
            ("young_modulus", healthy, "Young's modulus of the reference tissue"),
            ("young_modulus_tumor", tumor, "Young's modulus of tumor at the carrying capacity"),
        )
    ]
    rows += [
        Parameter(
            f"young_modulus_ratio_{tissue}",
            "1",
            Fixed(0.5 if tissue in ("fat", "adipose") else 1.0),
            f"Young's modulus of {tissue} relative to the reference tissue",
            "assumed",
            "assumed",
        )
        for tissue in tissues[1:]
    ]
    return rows
