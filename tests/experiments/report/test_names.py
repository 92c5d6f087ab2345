"""Words of the report that must not be lost on the way to the reader."""

import pytest

from experiments.report.names import Names


@pytest.mark.parametrize("shareable", [False, True])
def test_values_from_mice_are_called_so_in_every_report(shareable: bool) -> None:
    names = Names([], [], shareable=shareable)
    assert names.origin("animal") == "animal (mouse), not a patient's value"
    assert names.origin("literature human") == "literature human"
    assert names.origin("assumed") == "assumed"
