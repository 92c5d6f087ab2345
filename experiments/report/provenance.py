"""Where the numbers come from: versions, hashes, seeds, configuration, command lines."""

import re
from collections.abc import Mapping
from typing import Any

from experiments.report.markup import Markup, element, join, paragraph
from experiments.report.material import Material

PACKAGES = frozenset(
    ["oncotwin", "python", "jax", "jaxlib", "numpy", "scipy", "diffrax", "equinox", "optimistix"]
    + ["lineax", "nibabel", "h5py", "pydantic", "flax", "optax", "jaxtyping"]
)
_VERSION = re.compile(r"\d{1,4}(\.\d{1,4}){1,3}((a|b|rc|\.post|\.dev)\d{1,3})?")
_NUMBERS = frozenset(
    ["seed", "draws", "fresh_draws", "finalists", "horizon_days", "level", "visits", "fit_visits"]
    + ["dt_days", "step_days", "margin_mm", "spacing_mm", "plans", "batch", "iterations"]
)
_WORDS = {
    "model": frozenset({"fisher_kpp", "FisherKPP", "anisotropic", "two_clones", "hypoxia"}),
    "method": frozenset({"gauss_newton", "GaussNewton", "laplace", "nuts", "NUTS"}),
    "engine": frozenset({"local", "ray"}),
}
_MAX_NUMBER = 1e6


def provenance_section(material: Material) -> Markup:
    """Everything recorded about how the results were made, or the part that may be shared."""
    recorded: dict[str, Any] = dict(material.provenance)
    if material.shareable:
        return join([paragraph(_SHARED), _tree(shareable(recorded))])
    recorded.setdefault("inputs", dict(material.patient.provenance))
    diagnostics = {
        name: value
        for name, value in material.posterior.diagnostics.items()
        if isinstance(value, bool | int | float | str)
    }
    calibration = {
        "fitted visits": list(material.posterior.fitted_visits),
        "converged": bool(material.posterior.converged),
    } | diagnostics
    recorded["calibration"] = calibration
    if material.forecast is not None:
        recorded.setdefault("forecast seed", material.forecast.seed)
    return _tree(recorded)


_SHARED = (
    "Names, dates, notes, file names, hashes of inputs, paths and command lines were left out. "
    "Times are days since the first visit."
)


def shareable(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a provenance record that holds no identifier.

    Package versions of known packages, and configuration entries whose name and value are on the
    lists of this file, wherever they stand in the record. Numbers above a million are left out:
    they could be a record number.
    """
    kept: dict[str, Any] = {}
    schema = recorded.get("schema")
    if isinstance(schema, str) and re.fullmatch(r"oncotwin-run/\d{1,2}", schema):
        kept["schema"] = schema
    for mapping in _mappings(recorded):
        for name, value in mapping.items():
            if name in PACKAGES and isinstance(value, str) and _VERSION.fullmatch(value):
                kept.setdefault("versions", {})[name] = value
            elif (name in _NUMBERS and _small(value)) or value_listed(name, value):
                kept.setdefault("configuration", {}).setdefault(name, value)
    return kept


def value_listed(name: str, value: Any) -> bool:
    """Whether this word is one of those known for this entry."""
    return isinstance(value, str) and name in _WORDS and value in _WORDS[name]


def _small(value: Any) -> bool:
    return isinstance(value, bool | int | float) and abs(value) <= _MAX_NUMBER


def _mappings(value: Any):
    if isinstance(value, Mapping):
        yield value
        for child in value.values():
            yield from _mappings(child)
    elif isinstance(value, list | tuple):
        for child in value:
            yield from _mappings(child)


def _tree(value: Any) -> Markup:
    if isinstance(value, Mapping):
        if not value:
            return element("span", "none", class_="small")
        parts = []
        for name, child in value.items():
            parts += [element("dt", name), element("dd", _tree(child))]
        return element("dl", *parts, class_="tree")
    if isinstance(value, list | tuple):
        if all(isinstance(child, str | int | float) for child in value):
            return join(element("code", child, class_="block") for child in value)
        return element("ol", *(element("li", _tree(child)) for child in value))
    return element("code", value)
