"""`oncotwin credibility`: what was verified, calibrated, validated, and what was not."""

from __future__ import annotations

from pathlib import Path

from experiments.runs import Run
from twin.calibration.posterior import Posterior


def write_credibility(run: Run, posterior: Posterior) -> Path:
    """Measure everything anew and write credibility.json and credibility.html into the run."""
    from experiments.credibility.page import render
    from experiments.credibility.record import credibility_record

    record = credibility_record(run, posterior)
    run.save_json("credibility.json", record)
    path = run.save_text("credibility.html", render(record))
    run.record("credibility", {})
    return path
