"""Who may use the service: tokens that are kept as hashes only, and an audit of what was done with them."""
