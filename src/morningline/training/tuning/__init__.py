"""Tuning: parameters tried on days before the test, by as many workers as there are, and what they were worth."""
