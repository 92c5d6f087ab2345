"""Code verification as the report measures it: it holds here, and it would notice an error."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.credibility import code_checks
from experiments.credibility.code_checks import Check
from twin.models import FisherKPP

CHECK = Check("name", "answer", 0.5, "unit", 1.0, "32 bit")


def test_every_check_keeps_its_bound():
    checks = code_checks.code_checks()
    assert len(checks) == 9 and len({check.name for check in checks}) == 9
    for check in checks:
        assert check.passed, check
        assert check.plain()["passed"] and check.plain()["figure"] == check.figure


def test_a_growth_rate_that_is_one_percent_off_is_noticed(monkeypatch):
    class Faster(FisherKPP):
        def common(self, params, domain, drugs):
            found = super().common(params, domain, drugs)
            return found | {"growth": 1.01 * found["growth"]}

    monkeypatch.setattr(code_checks, "FisherKPP", Faster)
    assert not code_checks.uniform_growth().passed
    assert not code_checks.reference_solver().passed


@pytest.mark.parametrize(
    ("figure", "at_least", "passed"),
    [
        (1.0, False, True),
        (1.1, False, False),
        (1.0, True, True),
        (0.9, True, False),
        (np.nan, False, False),
        (np.nan, True, False),
    ],
)
def test_figures_are_held_to_their_bound_from_the_right_side(figure, at_least, passed):
    assert replace(CHECK, figure=figure, at_least=at_least).passed is passed


def test_a_figure_that_is_not_finite_is_kept_as_none():
    assert replace(CHECK, figure=np.inf).plain()["figure"] is None
