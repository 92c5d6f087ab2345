"""Run inside a mutant's process: properties in a fixed order until one fails; prints one JSON line.

python -m tests.validation.mutation.judge [--all] [--lines FILE] [--first A,B] [--only A,B]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

FIRST = (
    "uniform_tumors_grow_logistically",
    "survival_by_the_formula",
    "eqd2_of_two_gray_fractions_is_the_dose",
    "equivalent_dose_lies_between_extremes",
    "complications_rise_with_dose",
    "control_rises_with_dose",
    "drug_levels_add_up",
    "repeated_doses_accumulate",
    "exposure_is_dose_over_clearance",
    "survival_is_linear_quadratic",
    "equal_eqd2_kills_equally",
    "drugs_act_after_they_are_given",
    "doses_at_the_ends_count_once",
    "cells_do_not_cross_what_is_no_tissue",
    "nothing_is_outside_the_mask",
    "a_mirror_image_gives_the_mirror_image",
    "two_fractions_a_day_both_count",
    "a_blob_widens_as_diffusion_says",
    "axes_can_be_permuted",
    "cells_are_conserved_without_growth",
    "fibers_can_be_turned",
    "a_round_tensor_is_a_number",
    "layers_resist_in_series",
    "drug_kill_is_the_exposure_whatever_the_step",
)
"""Cheap ones that most defects fail; the others follow in the order of the kit's list."""
SHRINK_SECONDS = 0.1


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true", help="do not stop at the first failure")
    parser.add_argument("--lines", type=Path, help="write which lines of the package were run")
    parser.add_argument("--only", default="", help="names of properties, with commas")
    parser.add_argument("--first", default="", help="names of properties to begin with")
    parser.add_argument("--usual", action="store_true", help="the likeliest properties, no more")
    parser.add_argument("--without", default="", help="names of properties left out")
    given = parser.parse_args()
    reached = _watched() if given.lines else None
    outcomes, killed_by, detail = {}, None, ""
    try:
        from twin.testing.properties import PROPERTIES
    except ImportError as error:  # a broken kit judges nothing
        raise SystemExit(f"the kit itself cannot be imported: {error}") from None
    without, only = set(given.without.split(",")), [n for n in given.only.split(",") if n]
    first = [n for n in given.first.split(",") if n]
    others = [] if given.usual else PROPERTIES
    names = only or list(dict.fromkeys([*first, *FIRST, *others]))
    for name in names:
        if name in without:
            continue
        verdict = _verdict(name)
        outcomes[name] = verdict[0]
        if verdict[0] == "fails" and killed_by is None:
            killed_by, detail = name, verdict[1]
            if not given.all:
                break
    if reached is not None:
        given.lines.write_text(json.dumps({k: sorted(v) for k, v in reached.items()}))
    print(json.dumps({"killed_by": killed_by, "detail": detail[:300], "outcomes": outcomes}))


def _verdict(name: str) -> tuple[str, str]:
    from twin.testing import conformance
    from twin.testing.properties import PROPERTIES
    from twin.testing.report import FAILS

    simulator: Any
    try:
        from tests.validation.mutation.simulators import ours as simulator
    except Exception as error:
        # The kit's verdict on a package that cannot be imported: every run of it raises.
        kept = error

        def simulator(case):
            raise kept

    found = conformance.judge(simulator, PROPERTIES[name], shrink_seconds=SHRINK_SECONDS)
    return ("fails" if found.outcome == FAILS else found.outcome), found.detail


def _watched() -> dict[str, set[int]]:
    """Lines of the package by file, filled as they run."""
    lines: dict[str, set[int]] = {}
    monitor = sys.monitoring

    def ran(code, line):
        _, package, rest = code.co_filename.rpartition("/twin/")
        if package:
            lines.setdefault(rest, set()).add(line)
        return monitor.DISABLE

    monitor.use_tool_id(monitor.COVERAGE_ID, "mutation")
    monitor.register_callback(monitor.COVERAGE_ID, monitor.events.LINE, ran)
    monitor.set_events(monitor.COVERAGE_ID, monitor.events.LINE)
    return lines


if __name__ == "__main__":
    main()
