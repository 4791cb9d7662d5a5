"""Evaluation: scores, honest comparisons, and what may be concluded from them."""
