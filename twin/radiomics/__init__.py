"""Radiomics by the definitions of the Image Biomarker Standardisation Initiative, in JAX."""

from twin.radiomics.features import extract
from twin.radiomics.filters import LaplacianOfGaussian, Wavelet, filter_image
from twin.radiomics.histogram import FixedBinCount, FixedBinWidth
from twin.radiomics.settings import Settings

__all__ = [
    "FixedBinCount",
    "FixedBinWidth",
    "LaplacianOfGaussian",
    "Settings",
    "Wavelet",
    "extract",
    "filter_image",
]
