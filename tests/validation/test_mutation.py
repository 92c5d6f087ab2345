"""The kit notices defects: the fixed list, and a small sample of what a tool makes.

The long run is `python -m scripts.mutation_score`; its figures are in docs/validation/mutation.md.
"""

import json

import pytest

from scripts.mutation_score import LATE, SEED
from tests.validation.mutation import run as runs
from tests.validation.mutation.fixed import FIXED
from tests.validation.mutation.generated import drawn

SAMPLE = 12


@pytest.mark.timeout(7200)
def test_nine_of_ten_mutants_are_killed(tmp_path):
    with runs.snapshot() as package:
        lines = tmp_path / "lines.json"
        outcomes = runs.baseline(package, lines)["outcomes"]
        broken = [name for name, outcome in outcomes.items() if outcome == "fails"]
        assert not broken, f"the package itself fails {broken}"
        reached = {f: set(rows) for f, rows in json.loads(lines.read_text()).items()}
        sample = drawn(package, reached, SAMPLE, SEED)
        found = runs.run(package, [*FIXED, *sample], without=LATE, late=LATE)
    for result in found:
        print(f"{result.killed_by or 'SURVIVED':45} {result.file}:{result.line} {result.what}")
    fixed = [r for r in found if r.kind == "fixed"]
    tool = [r for r in found if r.kind == "tool"]
    print(f"fixed list {runs.score(fixed):.3f}, tool {runs.score(tool):.3f}")
    assert len(fixed) == 30
    assert runs.score(fixed) >= 0.9
    assert runs.score(tool) >= 0.75  # twelve mutants: three of them may be equivalent
