"""The run-time type checker that tests put on `twin`: beartype, with ints welcome as floats."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

# `dose_gy=2` is as good as 2.0 (PEP 484's numeric tower); beartype alone would refuse it.
_CHECK = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(definition: Callable[..., Any]) -> Callable[..., Any]:
    """Check a definition's arguments and result at every call.

    A protocol without `@runtime_checkable` says nothing at run time: what takes one stays
    unchecked here and is left to pyright.
    """
    try:
        return _CHECK(definition)
    except BeartypeDecorHintPep3119Exception:
        return definition
