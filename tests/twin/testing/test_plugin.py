"""`pytest --pyargs twin.testing --simulator=...` runs one test a property, from anywhere."""

import os
import subprocess
import sys

from twin.testing.properties import PROPERTIES

COMMAND = [sys.executable, "-m", "pytest", "-p", "twin.testing.plugin", "-p", "no:cacheprovider"]


def run(repository, folder, *arguments):
    """(return code, output) of pytest in a folder of its own."""
    result = subprocess.run(
        [*COMMAND, "--pyargs", "twin.testing", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
    )
    return result.returncode, result.stdout + result.stderr


def test_named_simulator_is_tested_and_what_it_lacks_is_skipped_with_the_reason(
    repository, tmp_path
):
    named = "--simulator=twin.testing.reference:reference"
    which = ("-rs", "-k", "nothing_is_outside or eqd2_of", "--conformance-examples=2")
    code, output = run(repository, tmp_path, named, *which)
    assert code == 0, output
    assert "1 passed, 1 skipped" in output
    assert "offers no eqd2" in output


def test_failure_shows_the_script_and_fails_the_run(repository, tmp_path):
    doubled = "tests.twin.testing.broken_simulators:doubled"
    code, output = run(repository, tmp_path, f"--simulator={doubled}", "-k", "hours_count")
    assert code == 1, output
    assert "This script reproduces it" in output
    assert "from tests.twin.testing.broken_simulators import doubled as simulator" in output


def test_our_own_simulator_is_tested_where_none_is_named(repository, tmp_path):
    code, output = run(repository, tmp_path, "--conformance-examples=1", "-k", "nothing_is_outside")
    assert code == 0, output
    assert "1 passed" in output


def test_every_property_has_a_test(repository, tmp_path):
    code, output = run(repository, tmp_path, "--collect-only", "-q")
    assert code == 0, output
    assert output.count("test_property[") == len(PROPERTIES)
