"""What things are called in the report; in a shareable one no text typed by a user gets through.

The open report uses the names it is given. The shareable one lets a string pass only if it comes
from a list written down here or in the drug table; everything else gets a number in order of
appearance ("visit 2", "organ 1"), and free text is left out.
"""

import re
from collections.abc import Iterable

from twin.treatments.chemotherapy import SHIPPED_DRUGS

SITES = frozenset({"glioma", "soft_tissue_sarcoma", "breast", "generic"})
MODALITIES = frozenset({"T1", "T1C", "T2", "FLAIR", "PET", "CT", "ADC", "CELL_FRACTION"})
UNITS = frozenset(
    [
        "",
        "1",
        "a.u.",
        "SUV",
        "HU",
        "1e-3 mm2/s",
        "mm2/s",
        "mm2/day",
        "mm²/day",
        "mm/day",
        "1/day",
        "1/Gy",
    ]
    + ["Gy", "day", "days", "mm", "mL", "g/mL", "%"]
)
ORIGINS = frozenset({"measured", "literature human", "animal", "assumed"})
ANIMAL = "animal (mouse), not a patient's value"
"""Shown instead of the bare word: all animal values that come with the package are from mice."""
PARAMETERS = frozenset(
    {
        "diffusivity",
        "proliferation_rate",
        "radiosensitivity_alpha",
        "alpha_beta_ratio",
        "clearance_half_life",
        "initial_scale",
        "infiltration_length",
        "front_length",
        "front_speed",
        "growth_map",
        "kill_map",
        "water_adc",
    }
)
OBJECTIVES = {
    "residual_ml": "viable burden at the horizon",
    "endpoint_ml": "viable burden just before surgery (or at the horizon)",
    "outside_margin_ml": "viable burden left just after surgery",
    "progression_days": "days to progression",
}
DOI = re.compile(r"10\.\d{4,9}/[-._;()/:A-Za-z0-9]+")
_SUFFIXED = re.compile(
    r"^(diffusivity_ratio|growth_ratio|visibility_threshold|sensitivity|noise|discrepancy)_(.+)$"
)
_PRIOR_WORDS = frozenset(
    [
        "log",
        "normal",
        "uniform",
        "fixed",
        "median",
        "mean",
        "sd",
        "sigma",
        "within",
        "to",
        "at",
        "e",
    ]
)


class Names:
    """Turns identifiers into what the reader sees.

    Args:
        visits: visit names in order of time.
        organs: organ names in the patient's order.
        shareable: whether only listed words may pass.
    """

    def __init__(self, visits: Iterable[str], organs: Iterable[str], *, shareable: bool) -> None:
        self.shareable = shareable
        self._numbers: dict[str, dict[str, int]] = {}
        for visit in visits:
            self.visit(visit)
        for organ in organs:
            self.organ(organ)

    def patient(self, identifier: str) -> str:
        """The patient's identifier, or the bare word "patient"."""
        return "patient" if self.shareable else identifier

    def visit(self, name: str) -> str:
        """A visit's name, or its number."""
        return self._numbered("visit", name)

    def organ(self, name: str) -> str:
        """An organ's name, or its number."""
        return self._numbered("organ", name)

    def drug(self, name: str) -> str:
        """A drug's name if it came with the package, otherwise its number."""
        return name if name in SHIPPED_DRUGS else self._numbered("drug", name)

    def site(self, name: str) -> str:
        """The tumor site in plain words."""
        return name.replace("_", " ") if name in SITES or not self.shareable else "tumor"

    def modality(self, name: str) -> str:
        """An imaging modality."""
        return name if name.upper() in MODALITIES else self._numbered("image", name)

    def unit(self, name: str) -> str:
        """A unit as printed on axes."""
        shown = name if name in UNITS or not self.shareable else "unit not shown"
        shown = "" if shown == "1" else shown.replace("1e-3 ", "10⁻³ ")
        return shown.replace("mm2", "mm²").replace("m2", "m²")

    def label(self, name: str) -> str:
        """The name of a mask."""
        return self._numbered("mask", name)

    def parameter(self, name: str) -> str:
        """A parameter's name; parts of it that a user chose are numbered when shareable."""
        if not self.shareable or name in PARAMETERS:
            return name
        parts = _SUFFIXED.match(name)
        if parts is None:
            return self._numbered("parameter", name)
        stem, tail = parts.groups()
        if stem == "sensitivity":
            return f"{stem}_{self.drug(tail).replace(' ', '_')}"
        kind = "tissue" if stem.endswith("_ratio") else "mask"
        return f"{stem}_{self._numbered(kind, tail).replace(' ', '_')}"

    def origin(self, text: str) -> str:
        """Where a parameter comes from."""
        kind = text.split(":")[0].strip()
        shown = text if not self.shareable else kind if kind in ORIGINS else "not shown"
        return shown.replace("animal", ANIMAL, 1) if kind == "animal" else shown

    def prior(self, text: str) -> str:
        """The description of a prior: words of distributions and numbers only when shareable."""
        words = {word.lower() for word in re.findall(r"[^\W\d_]+", text)}
        return text if not self.shareable or words <= _PRIOR_WORDS else "see interval"

    def citation(self, text: str) -> str:
        """A citation; only its DOIs when shareable."""
        return "; ".join(DOI.findall(text)) if self.shareable else text

    def text(self, text: str, otherwise: str = "") -> str:
        """Free text, left out (or replaced) when shareable."""
        return otherwise if self.shareable else text

    def objective(self, name: str) -> str:
        """What the ranking minimizes, in plain words."""
        return OBJECTIVES.get(name, self.text(name, "burden"))

    def _numbered(self, kind: str, name: str) -> str:
        known = self._numbers.setdefault(kind, {})
        count = known.setdefault(name, len(known) + 1)
        return f"{kind} {count}" if self.shareable else name
