"""Chains of the model of lesions in processes of their own: those of one process."""

import pytest

from tests.twin.lesions.test_population import assert_chains_apart_are_those_of_one
from twin import cores


@pytest.mark.timeout(600)
def test_chains_in_processes_of_their_own_are_those_of_one(monkeypatch):
    monkeypatch.setattr(cores, "available_cores", lambda: 2)
    assert_chains_apart_are_those_of_one(monkeypatch)
