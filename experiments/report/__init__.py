"""The report: one HTML file that opens offline, with patient, forecast, plans and their limits."""

from experiments.report.page import write_report

__all__ = ["write_report"]
