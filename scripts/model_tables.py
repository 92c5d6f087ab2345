"""docs/reference/models.md: every model's parameters with unit, prior and source, from the code.

python -m scripts.model_tables [--write docs/reference/models.md]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

from twin.models import MODELS
from twin.models.priors import drug_priors, tissue_priors
from twin.parameters import Parameter
from twin.patient import SITES
from twin.treatments.chemotherapy import DRUGS

HEAD = """# Models and their parameters

Made by `python -m scripts.model_tables --write docs/reference/models.md` from the code. Names are
those of `oncotwin calibrate --model NAME`. A prior marked assumed rests on nobody's measurement;
one marked animal was measured in mice and is no patient's.

"""


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    common = {site: MODELS["fisher-kpp"]().table(site, (), ("tissue",)).values() for site in SITES}
    for name, model in sorted(MODELS.items(), key=lambda item: item[0] != "fisher-kpp"):
        summary = (model.__doc__ or "").splitlines()[0]
        parts.append(f"## {name}\n\n`{model.__module__}.{model.__name__}`: {summary}\n\n")
        if name == "fisher-kpp":
            parts += [f"Site `{site}`:\n\n{_table(rows)}\n" for site, rows in common.items()]
            continue
        shared = {row.name for row in common["generic"]}
        own = model().table("generic", (), ("tissue",)).values()
        rows = [row for row in own if row.name not in shared]
        if rows:
            parts.append(f"Beside the parameters of fisher-kpp:\n\n{_table(rows)}\n")
        else:
            parts.append("The parameters of fisher-kpp.\n\n")
    parts.append(
        "## Further tissues\n\nEach tissue after the first adds, here for grey matter:\n\n"
        f"{_table(tissue_priors(('white', 'grey')))}\n"
    )
    parts.append(f"## Drugs\n\n{_table(drug_priors(tuple(sorted(DRUGS))))}")
    return "".join(parts)


def _table(given: Iterable[Parameter]) -> str:
    # One row a map: its coefficients are alike.
    rows = list({row.of_map or row.name: row for row in given}.values())
    lines = [
        "| parameter | unit | prior | what it is | source | evidence |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {_named(row)} | {row.unit} | {row.prior.describe()} | {row.description}"
        f" | {row.citation} | {row.provenance} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _named(row: Parameter) -> str:
    """The name; of a map, those of its coefficients, of which `row` is the last."""
    return f"`{row.of_map}_01` to `{row.name}`" if row.of_map else f"`{row.name}`"


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.write is None:
        print(page(), end="")
    else:
        arguments.write.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
