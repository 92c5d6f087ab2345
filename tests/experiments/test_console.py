"""What the terminal says of a calibration."""

from types import SimpleNamespace

import pytest

from experiments.console import print_calibration
from twin.calibration.posterior import Posterior
from twin.models import Immune


def test_values_from_mice_are_called_so_in_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    table = Immune().table("generic", (), ("tissue",))
    known = SimpleNamespace(
        table=table,
        names=(),
        point={name: float(p.prior.transform(0.0)) for name, p in table.items()},
        interval=lambda name, level: table[name].interval(level),
    )
    posterior = SimpleNamespace(
        fitted_visits=("first",), diagnostics={}, summary=lambda: Posterior.summary(known)
    )
    print_calibration(posterior)
    lines = capsys.readouterr().out.splitlines()
    marked = {line.split()[1] for line in lines if "(mouse)" in line}
    assert marked == {name for name, p in table.items() if p.provenance == "animal"}
    assert len(marked) == 6
