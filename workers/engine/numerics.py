"""What the bits of a result depend on beside its spec."""

import os
import platform
import sys
from typing import Any

import numpy
import scipy
import torch

from workers.catalogue.problems import InvalidError, Problem
from workers.engine.kernel.library import kernel

NUMERICS_VERSION = 2  # raised whenever a released result changes a bit; part of reuse and of verdicts


def prepare_process() -> None:
    """Make results repeat: one thread, deterministic algorithms, no reduced precision."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(1)
    # torch.use_deterministic_algorithms says the same, but imports the compiler: 2 more seconds to start.
    torch.set_deterministic_debug_mode("error")
    # Filling what is about to be overwritten costs a pass over every fresh tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False


def fingerprint(device: str, backend: str) -> dict[str, Any]:
    """Return what must agree for results to agree bit for bit, as JSON values."""
    found: dict[str, Any] = {
        "numerics_version": NUMERICS_VERSION,
        "backend": backend,
        "device": device,
        "python": ".".join(map(str, sys.version_info[:2])),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "machine": platform.machine(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
    if backend in ("compiled", "any"):
        compiled = kernel()
        found["kernel"] = compiled.digest if compiled else None
    if device == "cuda":
        found |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
    return found


def best_device() -> str:
    """Return the class of the fastest device of this machine."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def torch_device(name: str) -> torch.device:
    """Return the device of this class; raise InvalidError where this machine has none."""
    if name == "cuda" and not torch.cuda.is_available():
        detail = "this worker has no CUDA device: use auto or cpu, or start a worker on a machine that has one"
        raise InvalidError([Problem(path=("device",), code="unavailable", detail=detail)])
    return torch.device(name)
