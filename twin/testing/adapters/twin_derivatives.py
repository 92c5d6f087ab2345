"""Derivatives, batches and precisions of our models, through `twin.simulation.trajectory`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from twin.testing.case import Case

_NAMES = {
    "diffusivity": "diffusivity",
    "proliferation_rate": "proliferation_rate",
    "alpha": "radiosensitivity_alpha",
    "alpha_beta_ratio": "alpha_beta_ratio",
}


class Derivatives:
    """Extras of the protocol that need JAX; to be mixed into `TwinSimulator`.

    Derivatives are taken in float64, since differences can be told from round-off only there.
    """

    domain: Callable[[Case], Any]
    schedule: Callable[[Case], Any]
    values: Callable[[Case, Any], dict[str, float]]
    built: Callable[[], Any]
    __call__: Callable[[Case], np.ndarray]

    def derivative(self, case: Case, parameter: str) -> np.ndarray:
        """(T, x, y, z) forward derivative."""
        return self.jvp(case, {parameter: 1.0})

    def jvp(self, case: Case, direction: dict[str, Any]) -> np.ndarray:
        """(T, x, y, z) derivative along a direction of parameters and initial state."""
        import jax

        with jax.enable_x64(True):
            run, point = self._function(case, "double", "forward")
            tangent = jax.tree.map(lambda leaf: 0.0 * leaf, point)
            tangent |= {k: _like(v, point[k]) for k, v in _renamed(case, direction).items()}
            return np.asarray(jax.jvp(run, (point,), (tangent,))[1])

    def vjp(self, case: Case, weights: np.ndarray) -> dict[str, Any]:
        """Reverse derivative of sum(weights * densities)."""
        import jax

        with jax.enable_x64(True):
            run, point = self._function(case, "double", "reverse")
            slopes = jax.vjp(run, point)[1](_like(weights))[0]
        found = {theirs: float(slopes[ours]) for theirs, ours in _NAMES.items()}
        for name in _first_drug(case):
            found["sensitivity_per_day"] = float(slopes[name])
        found["carrying_capacity"] = float(slopes["carrying_capacity"])
        return {**found, "initial": np.asarray(slopes["initial"])}

    def at_precision(self, case: Case, name: str) -> np.ndarray:
        """(T, x, y, z) densities in "single" or "double" precision."""
        import jax

        with jax.enable_x64(name == "double"):
            run, point = self._function(case, name, "forward")
            return np.asarray(run(point))

    def batch(self, cases: list[Case]) -> list[np.ndarray]:
        """Cases that share geometry and treatments in one call, by `jax.vmap`."""
        import jax
        import jax.numpy as jnp

        parts = [self._function(case, "single", "forward") for case in cases]
        points = [point for _, point in parts]
        together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *points)
        return list(np.asarray(jax.vmap(parts[0][0])(together)))

    def variants(self) -> dict[str, Callable[[Case], np.ndarray]]:
        """Without compilation, and with tables that are longer than needed, as sweeps have them."""
        import jax

        def uncompiled(case: Case) -> np.ndarray:
            with jax.disable_jit():
                return self(case)

        def padded(case: Case) -> np.ndarray:
            run, point = self._function(case, "single", "forward", steps=64, rows=8)
            return np.asarray(run(point))

        return {"without compilation": uncompiled, "tables padded": padded}

    def _function(
        self, case: Case, precision: str, derivatives: Any, **capacity: int
    ) -> tuple[Callable[[dict[str, Any]], Any], dict[str, Any]]:
        """Densities as a traced function of a point, and the point of the case."""
        import jax
        import jax.numpy as jnp

        from twin.simulation import trajectory
        from twin.treatments.forcing import MAX_STEP_DAYS, compile_forcing

        dtype = jnp.float64 if precision == "double" else jnp.float32
        domain, spread = self.domain(case)
        schedule = self.schedule(case)
        forcing, rows = compile_forcing(
            schedule,
            start_days=case.start_days,
            times_days=case.times_days,
            drugs=schedule.drugs,
            max_step_days=case.dt_days or MAX_STEP_DAYS,
            **capacity,
        )

        def cast(tree: Any) -> Any:
            def as_wanted(leaf: Any) -> Any:
                array = jnp.asarray(leaf)
                return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array

            return jax.tree.map(as_wanted, tree)

        domain, forcing, model = cast(domain), cast(forcing), self.built()
        values = cast({**self.values(case, domain), **spread})
        active = (*_NAMES.values(), *_first_drug(case))
        point = {name: values[name] for name in active if name in values}
        point["initial"] = jnp.asarray(case.initial, dtype)
        point["carrying_capacity"] = jnp.asarray(case.carrying_capacity, dtype)

        def run(at: dict[str, Any]) -> Any:
            capacity = at["carrying_capacity"]
            start = jnp.pad(at["initial"], 1).reshape(-1) / capacity * domain.mask
            params = {**values, **{n: at[n] for n in active if n in at}}
            states = trajectory(model, params, domain, forcing, start, derivatives=derivatives)
            fields = states.viable[rows].reshape(-1, *domain.shape)
            return capacity * fields[:, 1:-1, 1:-1, 1:-1]

        return run, point


def _first_drug(case: Case) -> tuple[str, ...]:
    from twin.testing.adapters.twin_models import named

    return tuple(f"sensitivity_{name}" for name in list(named(case))[:1])


def _renamed(case: Case, direction: dict[str, Any]) -> dict[str, Any]:
    drug = _first_drug(case)
    names = {**_NAMES, **({"sensitivity_per_day": drug[0]} if drug else {})}
    return {names.get(name, name): value for name, value in direction.items()}


def _like(value: Any, array: Any = None) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(value, jnp.float64 if array is None else array.dtype)
