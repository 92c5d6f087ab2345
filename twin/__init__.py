"""Digital twins of tumors: from scans and treatments to a calibrated, uncertain, treatable copy."""

__version__ = "0.1.0"
