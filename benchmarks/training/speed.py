"""Rounds of samples: each round takes one of every formulation, and another one begins."""

import numpy as np

from benchmarks.training.formulations import FORMULATIONS, REFERENCE, scaled_steps
from benchmarks.training.problem import problem
from benchmarks.training.shapes import PROBE_SIZE

# Of the largest parameter. In float64 a formula that differs cannot hide. In float32 a unit of a relu network may
# fall on the other side of its kink, and Adam takes a step of full size along a gradient that all but vanishes.
TOLERANCES = {"float64": {"tanh": 1e-9, "relu": 1e-9}, "float32": {"tanh": 1e-5, "relu": 1e-2}}


def gate(shape, networks, processes, names):
    """Yield a record per precision and formulation: how far its weights lie from those of the plain loop."""
    for dtype, tolerances in TOLERANCES.items():
        for epsilon in {FORMULATIONS[name].gate_epsilon: None for name in names}:
            compared = [name for name in names if FORMULATIONS[name].gate_epsilon == epsilon]
            drawn = problem(shape, networks, dtype, epsilon)
            for name, steps, difference in _differences(drawn, processes, compared):
                yield {
                    "record": "gate",
                    "formulation": name,
                    "shape": shape.name,
                    "dtype": dtype,
                    "steps": steps,
                    "difference": difference,
                    "tolerance": tolerances[shape.activation],
                    "passed": difference <= tolerances[shape.activation],
                }


def _differences(drawn, processes, names):
    """Yield name, steps and the largest difference over all networks, each relative to its largest parameter."""
    references = {}
    for name in names:
        steps = FORMULATIONS[name].gate_steps(drawn.shape)
        if steps not in references:
            references[steps] = processes[REFERENCE].call("replay", drawn, steps)
        reference = references[steps]
        found = reference if name == REFERENCE else processes[name].call("replay", drawn, steps)
        largest = np.abs(reference).max(axis=1)
        yield name, steps, float((np.abs(found - reference).max(axis=1) / largest).max())


def rounds(shape, entries, processes, count, scale):
    """Yield samples; `entries` are (formulation, K, key of the prepared problem)."""
    steps = {key: scaled_steps(name, shape, networks, scale) for name, networks, key in entries}
    for name, _, key in entries:
        processes[name].call("warm_up", key, steps[key])
    for number in range(count):
        yield probe(processes["peak"], shape, number)
        for name, networks, key in _turned(entries, number):
            times = processes[name].call("sample", key, steps[key])
            yield {
                "record": "sample",
                "formulation": name,
                "shape": shape.name,
                "networks": networks,
                "round": number,
                "steps": steps[key],
                **times,
                "cpu_us_per_network_step": 1e6 * times["cpu_seconds"] / (steps[key] * networks),
            }


def probe(process, shape, number):
    """Return the present rate of one large product."""
    times = process.call("sample", "peak", 1)
    return {
        "record": "probe",
        "shape": shape.name,
        "round": number,
        **times,
        "gflops": 1e-9 * 2 * PROBE_SIZE**3 / times["cpu_seconds"],
    }


def _turned(entries, number):
    """Return the entries, another one first in every round."""
    start = number % len(entries)
    return entries[start:] + entries[:start]
