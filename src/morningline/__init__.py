"""Daily predictions you can trust, from raw feed to calibrated probability."""

__version__ = "0.1.0"
