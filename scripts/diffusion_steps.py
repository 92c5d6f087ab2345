"""The tables of docs/explanation/diffusion-steps.md: error, work and time of each diffusion step.

python -m scripts.diffusion_steps [--write docs/explanation/diffusion-steps.md] [--times]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.fft import dctn, idctn

from twin.operators.diffusion import DiffusionOperator, diffuse
from twin.operators.explicit import diffuse_explicitly, substeps
from twin.operators.fluxes import Conductances, conductances
from twin.operators.implicit import diffuse_implicitly
from twin.operators.legendre import (
    diffuse_by_legendre,
    legendre_schedule,
    legendre_stages,
    roughness,
)
from twin.operators.mixture import mix
from twin.operators.pairs import Pairs
from twin.operators.stencil import tensor_stencil
from twin.operators.stiff import cheapest, mean_rate

BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
INSIDE = 24
SIZES = (0.5, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 5000.0)
TOLERANCE = 1e-3
NAMES = ("explicit", "Legendre", "implicit")


@dataclass(frozen=True)
class Counted:
    """An operator that counts how often it is applied."""

    plain: Conductances
    seen: list[int]

    @property
    def scale(self) -> Array:
        return self.plain.scale

    @property
    def rate(self) -> Array:
        return self.plain.rate

    @property
    def pairs(self) -> Pairs:
        return self.plain.pairs

    def apply_unscaled(self, u: Array) -> Array:
        jax.debug.callback(lambda: self.seen.append(1))
        return self.plain.apply_unscaled(u)


def box(shape: tuple[int, int, int]) -> np.ndarray:
    """1 inside the outermost layer."""
    mask = np.zeros(shape)
    mask[1:-1, 1:-1, 1:-1] = 1.0
    return mask


def exact(u: np.ndarray, days: float) -> np.ndarray:
    """exp(t L) u on a box of unit voxels and unit diffusivity, by its cosine modes."""
    n = np.arange(INSIDE)
    decay = 4.0 * np.sin(0.5 * np.pi * n / INSIDE) ** 2
    total = decay[:, None, None] + decay[:, None] + decay
    result = np.zeros_like(u)
    inner = u[1:-1, 1:-1, 1:-1]
    result[1:-1, 1:-1, 1:-1] = idctn(dctn(inner) * np.exp(-total * days))
    return result


def fields(shape: tuple[int, int, int]) -> dict[str, np.ndarray]:
    """A field that jumps from voxel to voxel, a ball, and a Gaussian of a few voxels."""
    mask = box(shape)
    middle = (np.array(shape) - 1) / 2
    distance = ((np.indices(shape) - middle[:, None, None, None]) ** 2).sum(axis=0)
    rough = np.random.default_rng(0).random(shape) > 0.5
    smooth = np.exp(-distance / 32)
    return {"rough": rough * mask, "ball": (distance < 36) * mask, "smooth": smooth * mask}


def errors() -> Iterator[str]:
    """Rows of the table of errors and work, in float32 as the solver runs."""
    shape = (INSIDE + 2, INSIDE + 2, INSIDE + 2)
    mask = jnp.asarray(box(shape).reshape(-1), jnp.float32)
    g = conductances(mask, mask, shape, (1.0, 1.0, 1.0))
    yield "| R | field | " + " | ".join(f"{n} error | applications" for n in NAMES) + " | chosen |"
    yield "|---|---|" + "---|" * (2 * len(NAMES) + 1)
    seen: list[int] = []
    ways: list[Callable[[Array, Array], Array]] = [
        jax.jit(lambda u, dt: diffuse_explicitly(u, g, dt)),
        jax.jit(lambda u, dt: diffuse_by_legendre(u, g, dt, TOLERANCE)),
        jax.jit(lambda u, dt: diffuse_implicitly(u, Counted(g, seen), dt)),
    ]
    for size in SIZES:
        days = jnp.float32(size / float(g.rate))
        for name, field in fields(shape).items():
            u = jnp.asarray(field.reshape(-1), jnp.float32)
            expected = exact(field, float(days)).reshape(-1)
            schedule, legendre = work_of_legendre(u, g, days)
            cells = []
            for index, way in enumerate(ways):
                seen.clear()
                found = np.asarray(jax.block_until_ready(way(u, days)), float)
                jax.effects_barrier()
                work = (2 * int(substeps(days * g.rate)), legendre, len(seen))[index]
                error = np.linalg.norm(found - expected) / np.linalg.norm(field)
                cells.append(f"{error:.1e} | {work}")
            chosen = NAMES[int(cheapest(days * g.rate, schedule, days * mean_rate(g)))]
            yield f"| {size:g} | {name} | " + " | ".join(cells) + f" | {chosen} |"


def work_of_legendre(u: Array, g: Conductances, days: Array):
    """Sub-steps of a Legendre step, and how often they apply the operator."""
    schedule = legendre_schedule(days * g.rate, roughness(u, g, days), TOLERANCE)
    shares = schedule.share(jnp.arange(int(schedule.count)))
    return schedule, int(legendre_stages(days * g.rate * shares).sum())


def timings() -> Iterator[str]:
    """Rows of the table of times on 77x116x36 voxels, interleaved, least of several."""
    shape, spacing = (77, 116, 36), (1.5, 1.5, 3.0)
    mask = jnp.asarray(box(shape).reshape(-1), jnp.float32)
    faces = conductances(mask, mask, shape, spacing)
    u = jnp.asarray(fields(shape)["rough"].reshape(-1), jnp.float32)
    dt, long = 0.5 / faces.rate, 100.0 / faces.rate
    random = np.random.default_rng(1)
    turn = np.linalg.qr(random.standard_normal((mask.size, 3, 3)))[0]
    tensors = np.einsum("nia,a,nja->nij", turn, np.array([1.8, 0.6, 0.6]), turn)

    def steps(operator: DiffusionOperator) -> Callable[[], Array]:
        # As an argument: XLA would fold a constant operator into a copy for every shift.
        def many(v: Array, over: DiffusionOperator) -> Array:
            return jax.lax.fori_loop(0, 20, lambda _, w: diffuse(w, over, dt), v)

        compiled = jax.jit(many)
        return lambda: compiled(u, operator)

    runs = {"6 neighbors (fluxes)": (steps(faces), 40)}
    for neighbors in (18, 26):
        fibers, _ = tensor_stencil(tensors, np.asarray(mask), shape, spacing, neighbors=neighbors)
        name = f"{neighbors} neighbors, {len(fibers.offsets)} offsets"
        runs[name] = (steps(mix(faces, fibers, 0.5)), 40)
    legendre = jax.jit(lambda v, over: diffuse_by_legendre(v, over, long, TOLERANCE))
    name = "6 neighbors, in a Legendre step of R = 100"
    runs[name] = (lambda: legendre(u, faces), work_of_legendre(u, faces, long)[1])
    for once, _ in runs.values():
        jax.block_until_ready(once())
    best = dict.fromkeys(runs, np.inf)
    for _ in range(15):
        for name, (once, work) in runs.items():
            start = time.perf_counter()
            jax.block_until_ready(once())
            best[name] = min(best[name], (time.perf_counter() - start) / work)
    base = next(iter(best.values()))
    yield "| operator, 77x116x36 voxels, float32 | ms per application | ratio |"
    yield "|---|---|---|"
    for name, seconds in best.items():
        yield f"| {name} | {1e3 * seconds:.3f} | {seconds / base:.2f} |"


def main() -> None:
    """Print the tables, or write them between the marks of a document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--times", action="store_true", help="times alone")
    given = parser.parse_args()
    rows = [*timings()] if given.times else [*errors(), "", *timings()]
    text = "\n".join(rows) + "\n"
    if given.write is None:
        print(text, end="")
        return
    head, rest = given.write.read_text(encoding="utf-8").split(BEGIN)
    given.write.write_text(head + BEGIN + text + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
