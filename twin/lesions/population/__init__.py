"""Lesions of many patients at once: a hierarchical model of readings and of their end."""

from twin.lesions.population.population import (
    LesionPopulation,
    PopulationForecast,
    fit_population,
)

__all__ = ["LesionPopulation", "PopulationForecast", "fit_population"]
