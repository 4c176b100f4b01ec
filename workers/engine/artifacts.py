"""The files that an experiment leaves; equal results give equal bytes."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from workers.catalogue.values import Subject
from workers.experiments.codec import encode, spec_hash
from workers.experiments.measurement import MANIFEST, PREDICTIONS, Artifact
from workers.experiments.spec import ExperimentSpec

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

SAFETENSORS, NPZ, JSON = "application/vnd.safetensors", "application/zip", "application/json"
FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that the zip format knows
MOST_NUMBERS = 131_072  # of the stored test samples, 1 MB; the rest can be drawn again, by seed or by index
GRID_POINTS = {1: 401, 2: 61}  # per axis, by the number of inputs
LIBRARIES = ("numpy", "scipy", "torch", "scikit-learn", "safetensors")


def npz(arrays: Mapping[str, Any]) -> bytes:
    """Return an uncompressed .npz without pickles and with fixed times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as file:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asanyarray(array), allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy", FIXED_TIME), content.getvalue())
    return buffer.getvalue()


def predictions(subject: Subject) -> Artifact:
    """Return what the model says on the test samples, as many as fit, and on a grid where few inputs have a known box.

    Of a table it names the rows that train, validation and test took.
    """
    test = subject.split.test
    rows = max(1, MOST_NUMBERS // (test.inputs.shape[1] + 2 * test.outputs.shape[1]))
    inputs, truth = test.inputs[:rows], test.outputs[:rows]
    arrays: dict[str, Any] = {"test_inputs": inputs, "test_outputs": subject.predict(inputs), "test_truth": truth}
    arrays |= {f"{part}_indices": rows_of_part for part, rows_of_part in subject.split.indices.items()}
    if subject.box is not None and subject.truth is not None and len(subject.box) in GRID_POINTS:
        arrays |= _on_grid(subject.predict, subject.truth, subject.box)
    return Artifact(name=PREDICTIONS, media_type=NPZ, content=npz(arrays))


def _on_grid(
    predict: "Callable[[Floats], Floats]",
    truth: "Callable[[Floats], Floats]",
    box: tuple[tuple[float, float], ...],
) -> "dict[str, Floats]":
    axes = [np.linspace(low, high, GRID_POINTS[len(box)]) for low, high in box]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(box))
    with np.errstate(all="ignore"):  # a target may have a pole where no sample lies
        return {"grid_inputs": grid, "grid_outputs": predict(grid), "grid_truth": truth(grid)}


def manifest(spec: ExperimentSpec, fingerprint: Mapping[str, Any], **more: Any) -> Artifact:
    """Return what is needed to run the experiment again and to compare, as canonical JSON."""
    content = {
        "spec": encode(spec),
        "spec_hash": spec_hash(spec),
        "code_version": _version("whydeep"),
        "numerics_version": fingerprint["numerics_version"],
        "libraries": {name: _version(name) for name in LIBRARIES},
        "threads": fingerprint["threads"],
        "device": fingerprint["device"],
        "backend": fingerprint["backend"],
        "fingerprint": dict(fingerprint),
        **more,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return Artifact(name=MANIFEST, media_type=JSON, content=text.encode())


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
