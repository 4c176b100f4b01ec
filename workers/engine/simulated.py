"""Simulations: seeded numerical measurements that train nothing."""

from collections.abc import Callable

from workers.engine.artifacts import NPZ, manifest, npz
from workers.engine.numerics import fingerprint
from workers.experiments.measurement import Artifact, Measurement, as_curves
from workers.experiments.spec import Simulated


def simulate(spec: Simulated, note: Callable[[int, int], None]) -> Measurement:
    """Run the simulation; it calls `note(completed, total)` now and then."""
    reading = spec.simulation.run(spec.seed, note)
    known = fingerprint("cpu", "simulation")
    files = [manifest(spec, known)]
    if reading.arrays:
        content = npz(reading.arrays)
        files.insert(0, Artifact(name=f"{spec.simulation.kind}.npz", media_type=NPZ, content=content))
    curves = as_curves({name: ((0,), (value,)) for name, value in reading.metrics.items()})
    return Measurement(curves=curves, artifacts=tuple(files), fingerprint=known)
