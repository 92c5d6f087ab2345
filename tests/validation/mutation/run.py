"""Mutants in copies of the package, each judged by the kit in a process of its own.

A mutant is killed where a property fails on it, or where the properties take longer than the time
allowed. Results are appended as JSON lines while they come.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.validation.mutation.fixed import Change
from tests.validation.mutation.generated import Mutant, mutated

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 1500.0
TIMEOUT = "took too long"
SPREAD = (
    "a_blob_widens_as_diffusion_says",
    "layers_resist_in_series",
    "a_mirror_image_gives_the_mirror_image",
)
FIBERS = ("fibers_can_be_turned", "a_round_tensor_is_a_number", "cells_are_conserved_along_fibers")
LEVELS = ("drug_levels_add_up", "repeated_doses_accumulate", "exposure_is_dose_over_clearance")
COURSES = (
    "survival_is_linear_quadratic",
    "drugs_act_after_they_are_given",
    "drug_kill_is_the_exposure_whatever_the_step",
    "doses_at_the_ends_count_once",
    "doses_at_one_time_all_count",
)
ORGANS = (
    "equivalent_dose_lies_between_extremes",
    "complications_rise_with_dose",
    "control_rises_with_dose",
)
LIKELY = {
    "splitting": ("uniform_tumors_grow_logistically", "errors_fall_with_the_square_of_the_step"),
    **dict.fromkeys(("fluxes", "diffusion", "transport", "explicit"), SPREAD),
    **dict.fromkeys(("pairs", "stencil", "tensors", "selling", "mixture"), FIBERS),
    **dict.fromkeys(("kinetics", "concentration"), (*LEVELS, COURSES[2])),
    **dict.fromkeys(("forcing", "schedule", "radiation"), COURSES),
    "radiotherapy": ("survival_by_the_formula", "eqd2_of_two_gray_fractions_is_the_dose"),
    "normal_tissue": ORGANS,
    "reaction": ("uniform_tumors_grow_logistically", COURSES[2]),
}
"""What is asked first of a mutant of a file, since it is the likeliest to notice."""


@dataclass
class Result:
    """What became of a mutant.

    Attributes:
        kind: "fixed", or the sample that the tool drew, by its seed.
        file, line: where it is; the line is that of the original.
        what: the change in words, or the tool's operator.
        before, after: lines that differ.
        killed_by: the first property that failed, or `TIMEOUT`; None where none did.
        detail: what the property told.
        seconds: that it took.
    """

    kind: str
    file: str
    line: int
    what: str
    before: str
    after: str
    killed_by: str | None = None
    detail: str = ""
    seconds: float = 0.0
    outcomes: dict[str, str] = field(default_factory=dict)


@contextmanager
def snapshot() -> Iterator[Path]:
    """A folder with the package as it is now, so that edits meanwhile change nothing."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        shutil.copytree(ROOT / "twin", Path(folder) / "twin")
        yield Path(folder) / "twin"


def prepared(package: Path, mutant: Mutant | Change) -> tuple[Result, str]:
    """The record of a mutant before it is judged, and the text of its file."""
    source = (package / mutant.file).read_text(encoding="utf-8")
    if isinstance(mutant, Change):
        if source.count(mutant.old) != 1:
            raise ValueError(
                f"{mutant.file} has {source.count(mutant.old)} places for {mutant.what!r}, not one"
            )
        text, what, kind = source.replace(mutant.old, mutant.new), mutant.what, "fixed"
        line = source[: source.index(mutant.old)].count("\n") + 1
    else:
        text, what, kind, line = mutated(source, mutant), mutant.operator, "tool", mutant.line
    old, new = source.splitlines(), text.splitlines()
    before = [row.strip() for row in old if row not in new]
    after = [row.strip() for row in new if row not in old]
    return Result(kind, mutant.file, line, what, " ".join(before), " ".join(after)), text


def judged(package: Path, mutant: Mutant | Change, arguments: Iterable[str] = ()) -> Result:
    """A mutant after the kit."""
    result, text = prepared(package, mutant)
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        shutil.copytree(package, Path(folder) / "twin")
        (Path(folder) / "twin" / mutant.file).write_text(text, encoding="utf-8")
        begun = time.perf_counter()
        found = judge(Path(folder), arguments)
        result.seconds = round(time.perf_counter() - begun, 1)
    result.killed_by, result.detail = found["killed_by"], found["detail"]
    result.outcomes = found.get("outcomes", {})
    return result


def judge(folder: Path, arguments: Iterable[str] = ()) -> dict:
    """The verdict of the kit on the package in a folder."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), str(ROOT)])
    environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".cache" / "jax"))
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    environment["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [sys.executable, "-m", "tests.validation.mutation.judge", *arguments]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"killed_by": TIMEOUT, "detail": f"more than {SECONDS:g} s"}
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    told = done.stderr.strip().splitlines()[-1:] or ["no output"]
    return {"killed_by": None, "detail": f"the process ended with {done.returncode}: {told[0]}"}


def baseline(package: Path, lines: Path) -> dict:
    """The kit on the package as it is, every property; writes which lines ran."""
    return judge(package.parent, ["--all", "--lines", str(lines)])


def run(
    package: Path,
    mutants: list[Mutant | Change],
    *,
    without: Iterable[str] = (),
    processes: int = 2,
    results: Path | None = None,
    late: Iterable[str] = (),
    only: Iterable[str] = (),
    sample: str = "tool",
) -> list[Result]:
    """Judge every mutant, stopping at the first property that fails.

    Args:
        package: the package as it is.
        mutants: what to judge.
        without: properties that do not hold on the package as it is.
        processes: at once.
        results: JSON lines to which each result is appended.
        only: further arguments for judge.py.
        late: properties that only the survivors of the others are held against.
        sample: kind of the tool's mutants.
    """
    arguments = ["--without", ",".join(without)]
    late = ",".join(late)

    def one(mutant: Mutant | Change) -> Result:
        likely = LIKELY[Path(mutant.file).stem]
        result = judged(package, mutant, [*arguments, "--first", ",".join(likely), *only])
        if result.killed_by is None and late and "process ended" not in result.detail:
            again = judged(package, mutant, ["--only", late])
            again.seconds += result.seconds
            again.outcomes = {**result.outcomes, **again.outcomes}
            result = again
        if result.kind == "tool":
            result.kind = sample
        if results is not None:
            with results.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(asdict(result)) + "\n")
        return result

    with ThreadPoolExecutor(processes) as pool:
        return list(pool.map(one, mutants))


def read(results: Path) -> list[Result]:
    """Mutants judged in a file of results."""
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    return [Result(**row) for row in rows if "kind" in row]


def key(result: Result) -> tuple[str, int, str, str]:
    """What tells a mutant from others."""
    return result.file, result.line, result.what, result.after


def judged_before(results: Path) -> set[tuple[str, int, str, str]]:
    """Mutants that need not be judged again."""
    return {key(result) for result in read(results)} if results.exists() else set()


def score(results: list[Result]) -> float:
    """Share of the mutants that were killed."""
    return sum(r.killed_by is not None for r in results) / max(len(results), 1)
