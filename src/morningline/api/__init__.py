"""The HTTP service: turns requests into one act each, and answers with what it gave."""
