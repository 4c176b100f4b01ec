"""Runs of simulations, from their JSON."""

from typing import Any

from workers.catalogue.kinds import Simulation
from workers.catalogue.problems import InvalidError
from workers.catalogue.values import Reading
from workers.experiments.codec import decode_component


def simulation(kind: str, **fields: Any) -> Any:
    """Return a simulation."""
    return decode_component(Simulation, {"kind": kind, **fields})


def run(kind: str, seed: int = 0, **fields: Any) -> Reading:
    """Run a simulation and return what it measured."""
    reading: Reading = simulation(kind, **fields).run(seed, lambda completed, total: None)
    return reading


def refused(kind: str, **fields: Any) -> set[str]:
    """Return the pointers of what is refused."""
    try:
        simulation(kind, **fields)
    except InvalidError as error:
        return {problem.pointer for problem in error.problems}
    return set()
