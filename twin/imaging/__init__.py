"""Images on grids: reading, writing and resampling."""

from twin.imaging.image import Image
from twin.imaging.nifti import read_mask, read_nifti, write_nifti
from twin.imaging.resample import resample

__all__ = ["Image", "read_mask", "read_nifti", "resample", "write_nifti"]
