"""Every benchmark name, each group in a process of its own, as `make bench` measures them."""

import io

import pytest

from experiments.benchmarks import NAMES, run_benchmarks
from experiments.benchmarks.case import TINY
from tests.experiments.test_benchmarks import of_documented_form


@pytest.mark.timeout(1200)
def test_every_name_gives_one_json_line_of_the_documented_form():
    stream = io.StringIO()
    run_benchmarks(stream=stream, case=TINY)
    of_documented_form(stream.getvalue(), list(NAMES))
