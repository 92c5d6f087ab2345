"""Mutation score of the conformance kit: how many defects of the package its properties notice.

python -m scripts.mutation_score --results mutants.jsonl --size 54
python -m scripts.mutation_score --results mutants.jsonl --size 54 --seed 5 --fresh
python -m scripts.mutation_score --results mutants.jsonl --page docs/validation/mutation.md
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from tests.validation.mutation import run as runs
from tests.validation.mutation.fixed import FIXED
from tests.validation.mutation.generated import FILES, drawn, possible
from tests.validation.mutation.page import page
from tests.validation.mutation.survivors import SURVIVORS

LATE = (
    "derivatives_agree_with_differences",
    "derivatives_by_the_initial_state_are_right",
    "gradients_agree_with_differences",
    "the_adjoint_is_the_adjoint",
    "a_batch_is_a_loop",
    "every_way_to_run_agrees",
    "single_precision_agrees_with_double",
)
"""Properties that take long to compile: only what survives the others is held against them."""


SEED = 4


def main() -> None:
    """Judge the fixed list and a sample of the tool's mutants."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=80, help="mutants by the tool")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--results",
        type=Path,
        required=True,
        help="JSON lines, appended to; what is in it is not judged again",
    )
    parser.add_argument("--page", type=Path, help="run nothing, write the results to this page")
    parser.add_argument(
        "--fresh", action="store_true", help="a further sample, without the fixed list"
    )
    given = parser.parse_args()
    if given.page is not None:
        given.page.write_text(page(given.results, SURVIVORS), encoding="utf-8")
        return
    with runs.snapshot() as package, tempfile.TemporaryDirectory() as folder:
        lines = Path(folder) / "lines.json"
        before = runs.baseline(package, lines)
        print(json.dumps(before), flush=True)
        outcomes = before["outcomes"]
        without = [name for name, outcome in outcomes.items() if outcome == "fails"]
        reached = {f: set(rows) for f, rows in json.loads(lines.read_text()).items()}
        places = {
            file: [
                len({(m.line, m.column) for m in possible(package, file, some)})
                for some in (reached.get(file, set()), None)
            ]
            for file in FILES
        }
        with given.results.open("a", encoding="utf-8") as stream:
            head = {"baseline": outcomes, "places": places, "seed": given.seed, "drawn": given.size}
            stream.write(json.dumps(head) + "\n")
        sample = drawn(package, reached, given.size, given.seed)
        mutants = [*([] if given.fresh else FIXED), *sample]
        known = runs.judged_before(given.results)
        mutants = [m for m in mutants if runs.key(runs.prepared(package, m)[0]) not in known]
        runs.run(
            package,
            mutants,
            without=[*without, *LATE],
            processes=given.processes,
            results=given.results,
            late=[name for name in LATE if name not in without],
            sample=f"seed {given.seed}",
        )
    found = runs.read(given.results)
    for kind in dict.fromkeys(result.kind for result in found):
        some = [r for r in found if r.kind == kind]
        print(f"{kind}: {100 * runs.score(some):.1f} % of {len(some)} killed")


if __name__ == "__main__":
    main()
