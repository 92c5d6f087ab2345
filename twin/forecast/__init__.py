"""What the twin expects at any time, with intervals, and how well it did on visits held out."""

from twin.forecast.forecast import Forecast, VisitForecast, forecast
from twin.forecast.scores import ccc, crps, dice

__all__ = ["Forecast", "VisitForecast", "ccc", "crps", "dice", "forecast"]
