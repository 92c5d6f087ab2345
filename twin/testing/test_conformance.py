"""One test for each property of the kit; see `twin.testing.plugin` for how to run them."""

from __future__ import annotations

import pytest

from twin.testing import conformance
from twin.testing.properties import PROPERTIES
from twin.testing.report import NOT_APPLICABLE


@pytest.fixture(scope="session")
def simulator_path(request: pytest.FixtureRequest) -> str:
    """Where the simulator under test is, as package.module:name."""
    return str(request.config.getoption("--simulator"))


@pytest.mark.parametrize("name", list(PROPERTIES))
def test_property(name: str, simulator_path: str, request: pytest.FixtureRequest) -> None:
    """The property holds; skipped, with the reason, where it is not applicable."""
    verdict = conformance.judge(
        conformance.load(simulator_path),
        PROPERTIES[name],
        examples=request.config.getoption("--conformance-examples"),
        path=simulator_path,
    )
    if verdict.outcome == NOT_APPLICABLE:
        pytest.skip(verdict.detail)
    if verdict.failed:
        pytest.fail(verdict.explained(), pytrace=False)
