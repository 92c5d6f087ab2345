"""Monitoring: a twin that every scan updates, and whether the scan was expected."""

from twin.monitoring.filter import Filter, Outlook
from twin.monitoring.surprise import Assimilation, Surprise

__all__ = ["Assimilation", "Filter", "Outlook", "Surprise"]
