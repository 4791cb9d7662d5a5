"""What came true, as a page a modeller would want to look at."""
