"""Options of pytest for the kit: `pytest --pyargs twin.testing --simulator=package.module:name`.

Registered as a pytest plugin when this package is installed; from a mere checkout add
`-p twin.testing.plugin`. It imports nothing of the kit until a test asks for it.
"""

from __future__ import annotations

import pytest

OURS = "twin.testing.adapters.twin_models:fisher_kpp"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the kit."""
    group = parser.getgroup("conformance", "conformance kit for tumor simulators (twin.testing)")
    group.addoption(
        "--simulator",
        default=OURS,
        metavar="package.module:name",
        help="simulator that the tests in twin.testing are run on (default: %(default)s)",
    )
    group.addoption(
        "--conformance-examples",
        type=int,
        default=None,
        metavar="N",
        help="examples for each property (default: each property's own number)",
    )
