"""Facts with two clocks: what a table is, writing it once, reading it as it was known."""
