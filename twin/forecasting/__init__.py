"""What the twin expects at any time, with intervals, and how well it did on visits held out."""

from twin.forecasting.forecast import Forecast, VisitForecast, forecast
from twin.forecasting.scores import ccc, crps, dice

__all__ = ["Forecast", "VisitForecast", "ccc", "crps", "dice", "forecast"]
