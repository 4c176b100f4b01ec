"""Rounds of samples: each round takes one of every formulation, and another one begins."""

import numpy as np

from benchmarks.training.formulations import FORMULATIONS, REFERENCE
from benchmarks.training.problem import problem
from benchmarks.training.shapes import PROBE_SIZE

# Of the largest parameter. In float64 a formula that differs cannot hide. In float32 a unit of a relu network may
# fall on the other side of its kink, and Adam takes a step of full size along a gradient that all but vanishes.
TOLERANCES = {"float64": {"tanh": 1e-9, "relu": 1e-9}, "float32": {"tanh": 1e-5, "relu": 1e-2}}


def gate(shape, networks, processes, names, formulations=FORMULATIONS, reference=REFERENCE):
    """Yield a record per precision and formulation: how far its weights lie from those of the plain loop."""
    for dtype, tolerances in TOLERANCES.items():
        for epsilon in {formulations[name].gate_epsilon: None for name in names}:
            compared = {name: formulations[name] for name in names if formulations[name].gate_epsilon == epsilon}
            drawn = problem(shape, networks, dtype, epsilon)
            for name, steps, difference in _differences(drawn, processes, compared, reference):
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


def _differences(drawn, processes, compared, reference):
    """Yield name, steps and the largest difference over all networks, each relative to its largest parameter."""
    expected = {}
    for name, formulation in compared.items():
        steps = formulation.gate_steps(drawn.shape)
        if steps not in expected:
            expected[steps] = processes[reference].call("replay", drawn, steps)
        found = expected[steps] if name == reference else processes[name].call("replay", drawn, steps)
        yield name, steps, largest_difference(found, expected[steps])


def largest_difference(found, expected):
    """Return the largest difference over all networks (K, p), each relative to its largest number."""
    return float((np.abs(found - expected).max(axis=1) / np.abs(expected).max(axis=1)).max())


def rounds(shape, entries, processes, count, products=1):
    """Yield samples; `entries` are (formulation, K, key of the prepared problem, steps of a sample)."""
    for name, _, key, steps in entries:
        processes[name].call("warm_up", key, steps)
    for number in range(count):
        yield probe(processes["peak"], shape, number, products)
        for name, networks, key, steps in _turned(entries, number):
            times = processes[name].call("sample", key, steps)
            yield {
                "record": "sample",
                "formulation": name,
                "shape": shape.name,
                "networks": networks,
                "round": number,
                "steps": steps,
                **times,
                **_per_network_step(times, steps * networks),
            }


def _per_network_step(times, network_steps):
    """Return cpu_us_per_network_step for cpu_seconds, and so on."""
    names = {each: each.replace("_seconds", "_us_per_network_step") for each in times}
    return {names[each]: 1e6 * seconds / network_steps for each, seconds in times.items()}


def probe(process, shape, number, products=1):
    """Return the present rate of large products: by the device's clock where it has one."""
    times = process.call("sample", "peak", products)
    seconds = times.get("device_seconds", times["cpu_seconds"])
    return {
        "record": "probe",
        "shape": shape.name,
        "round": number,
        **times,
        "gflops": 1e-9 * products * 2 * PROBE_SIZE**3 / seconds,
    }


def _turned(entries, number):
    """Return the entries, another one first in every round."""
    start = number % len(entries)
    return entries[start:] + entries[:start]
