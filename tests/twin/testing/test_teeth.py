"""Every property holds on a correct simulator and fails for a defect that it is there for."""

import pytest

from tests.twin.testing.broken_simulators import DEFECTS
from twin.testing import conformance
from twin.testing.properties import PROPERTIES
from twin.testing.reference_extras import full_reference
from twin.testing.report import HOLDS

# beartype looks at a random item of a container, also while Hypothesis draws.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

PAIRS = [(defect, name) for defect, (_, names) in DEFECTS.items() for name in names]


@pytest.mark.parametrize("name", list(PROPERTIES))
def test_holds_on_the_correct_simulator(name):
    verdict = conformance.judge(full_reference, PROPERTIES[name])
    assert verdict.outcome == HOLDS, verdict.explained()


@pytest.mark.parametrize(("defect", "name"), PAIRS)
def test_fails_for(defect, name):
    verdict = conformance.judge(DEFECTS[defect][0](), PROPERTIES[name], shrink_seconds=0.2)
    assert verdict.failed, verdict.explained()
    assert verdict.detail and verdict.script


def test_every_property_fails_for_some_defect():
    assert {name for _, name in PAIRS} == set(PROPERTIES)
