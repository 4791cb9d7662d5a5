"""A made-up feed: The Racing API's contract on loopback, over a world that is the same for the same seed."""

from morningline.domains.racing.simulator.request_log import Call
from morningline.domains.racing.simulator.running import Simulator, serve_forever
from morningline.domains.racing.simulator.server import read_time
from morningline.domains.racing.simulator.settings import FAULT_PROFILES, PLANS, Account, SimulatorSettings
from morningline.domains.racing.simulator.thinning import thinned
from morningline.domains.racing.simulator.truth import true_probabilities

__all__ = [
    "FAULT_PROFILES",
    "PLANS",
    "Account",
    "Call",
    "Simulator",
    "SimulatorSettings",
    "read_time",
    "serve_forever",
    "thinned",
    "true_probabilities",
]
