"""A made-up world of racing: seasons of races and betting from a seed, with the true probabilities."""

from morningline.domains.racing.world.simulation import Simulation, World, simulate, write_world

__all__ = ["Simulation", "World", "simulate", "write_world"]
