"""Point-in-time features: definitions, the engine that computes them, the tables that keep them."""
