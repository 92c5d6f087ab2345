"""The tables of docs/explanation/treatments.md, from the code.

python -m scripts.treatment_tables [--write docs/explanation/treatments.md]
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from twin.treatments.chemotherapy import DRUGS, Drug
from twin.treatments.concentration import peak
from twin.treatments.neutrophils import MARROW_EFFECTS
from twin.treatments.normal_tissue import COMPLICATIONS
from twin.treatments.presets import PRESETS, Measures, clinical_schedule


def drugs() -> str:
    """Kinetics and prior effect of every drug."""
    head = ["drug", "acts as", "compartments", "half-lives", "exposure per dose", "reference dose"]
    head += ["log kill (prior)", "kinetics from", "evidence"]
    return _table(head, (_drug(DRUGS[name]) for name in sorted(DRUGS)))


def complications() -> str:
    """Complication parameters of every organ."""
    rows = (
        [c.organ, c.end_point, f"{c.td50_gy:g}", f"{c.m:g}", f"{c.n:g}", f"{c.alpha_beta_gy:g}"]
        + [c.citation, c.provenance]
        for c in COMPLICATIONS.values()
    )
    head = ["organ", "end point", "TD50, Gy", "m", "n", "α/β, Gy", "source", "evidence"]
    return _table(head, rows)


def marrow() -> str:
    """Effects on the marrow."""
    rows = []
    for name, effect in MARROW_EFFECTS.items():
        told = f"log kill {effect.log_kill} a reference dose"
        if effect.log_kill is None:
            told = f"{effect.largest:g} c / ({effect.half_mg_per_l:.3g} mg/L + c)"
            told += f", infused over {effect.infusion_hours:g} h"
        rows.append([name, told, effect.citation, effect.provenance])
    return _table(["drug", "effect on dividing cells", "source", "evidence"], rows)


def schedules() -> str:
    """Clinical schedules for a patient of 1.8 m², GFR 90 mL/min and 70 kg."""
    rows = []
    for name in PRESETS:
        plan = clinical_schedule(name, Measures(1.8, 90.0, 70.0))
        parts = [f"{len(plan.fractions)} fractions, {plan.total_dose_gy:g} Gy"] * bool(
            plan.fractions
        )
        for drug in plan.drugs:
            amounts = [d.dose_mg for d in plan.drug_doses if d.drug == drug]
            spread = sorted({round(amount) for amount in amounts})
            parts.append(f"{len(amounts)} x {' or '.join(map(str, spread))} mg {drug}")
        rows.append([f"`{name}`", "; ".join(parts), f"{plan.end_days:g}"])
    return _table(["name", "gives (1.8 m², GFR 90 mL/min, 70 kg)", "last day"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "drugs": drugs,
    "complications": complications,
    "marrow": marrow,
    "schedules": schedules,
}


def filled(page: str) -> str:
    """The page with every table between its marks made anew."""
    for name, make in TABLES.items():
        start, end = f"<!-- {name}: made by scripts/treatment_tables.py -->", "<!-- end -->"
        pattern = re.compile(re.escape(start) + r".*?" + re.escape(end), re.DOTALL)
        text = f"{start}\n{make()}{end}"
        page, count = pattern.subn(lambda _, text=text: text, page)
        if count != 1:
            raise ValueError(f"the page has {count} places for the table {name!r}")
    return page


def _drug(drug: Drug) -> list[str]:
    kinetics = drug.kinetics
    rates = [rate for _, rate in kinetics.phases]
    count = "one" if len(rates) == 1 else "two"
    if kinetics.absorption_rate_per_day is not None:
        count += f", absorbed (peak after {24 * peak(kinetics)[0]:.2g} h)"
    return [
        drug.name,
        drug.action,
        count,
        ", ".join(_time(math.log(2.0) / rate) for rate in rates),
        _time(drug.exposure_per_dose_days),
        f"{drug.reference_dose_mg_m2:g} mg/m²",
        f"{drug.log_kill_median:g}",
        drug.citation,
        drug.provenance,
    ]


def _time(days: float) -> str:
    for length, unit in ((1.0, "d"), (1 / 24, "h")):
        if days >= 2.0 * length:
            return f"{days / length:.3g} {unit}"
    return f"{days * 24:.2g} h" if days * 24 >= 0.3 else f"{days * 1440:.3g} min"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = ["| " + " | ".join(row) + " |" for row in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the tables, or write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.write is None:
        print("\n".join(make() for make in TABLES.values()), end="")
    else:
        page = arguments.write.read_text(encoding="utf-8")
        arguments.write.write_text(filled(page), encoding="utf-8")


if __name__ == "__main__":
    main()
