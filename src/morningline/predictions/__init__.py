"""Locked predictions: made, shown, scored against what happened, replayed to the bit."""
