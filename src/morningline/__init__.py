"""Daily predictions you can trust, from raw feed to calibrated probability."""
