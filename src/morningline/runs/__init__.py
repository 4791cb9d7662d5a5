"""Durable runs: asked for once, done to their end whatever dies on the way, and looked at from anywhere."""
