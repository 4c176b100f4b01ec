"""The engine on a GPU: one chunk of stacked networks, what it holds, and what it waits for."""

import contextlib
import gc
import re
import time
from collections import Counter

import torch

from benchmarks.training.ours import Ours
from workers.engine.chunk import FEWEST_SLOTS
from workers.experiments.codec import decode
from workers.experiments.costs import estimate

WARM_UP = 8  # steps


def stacked(problem, device, graph=True, slots=None, recording=False):
    """Return all networks of a problem in one chunk, of so many slots or as few as can be."""
    slots = slots or max(FEWEST_SLOTS, problem.networks)
    return Ours(problem, "written", recording=recording, device=device, slots=slots, graph=graph)


def facts(device):
    """Return what the figures depend on beside the CPU."""
    found = {"record": "device", "device": device, "torch": torch.__version__, "deterministic": _deterministic()}
    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        found |= {
            "name": card.name,
            "memory_bytes": card.total_memory,
            "multiprocessors": card.multi_processor_count,
            "capability": torch.cuda.get_device_capability(0),
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return found


def _deterministic():
    return torch.are_deterministic_algorithms_enabled() and torch.get_float32_matmul_precision() == "highest"


def weights_of(device, problem, steps, slots, place, graph):
    """Return the numbers (p,) of the network at a place after so many steps."""
    trained = stacked(problem, device, graph, slots)
    trained.advance(steps, None)
    return trained.weights()[place]


def waits(device, problem, slots, steps):
    """Return the first call in so many steps that waits for the device, None where none does.

    The steps keep the loss of every batch. `seen` says whether the watch notices a wait at all.
    """
    chunk = stacked(problem, device, slots=slots, recording=True).chunks[0]
    with chunk.program.context():
        chunk.program.advance(chunk.live, 0, WARM_UP)
        if device != "cuda":
            chunk.program.advance(chunk.live, WARM_UP, WARM_UP + steps)
            return {"measured": False}
        found = _first_wait(lambda: chunk.program.advance(chunk.live, WARM_UP, WARM_UP + steps))
    seen = _first_wait(lambda: torch.ones(1, device=device).item()) is not None
    return {"measured": True, "steps": steps, "wait": found, "seen": seen}


def _first_wait(run):
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        run()
    except RuntimeError as error:
        return str(error).splitlines()[0]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return None


def calls(device, problem, slots, steps, graph):
    """Return how often each function of CUDA is called, and how many kernels run, per step."""
    chunk = stacked(problem, device, graph, slots).chunks[0]
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with chunk.program.context():
        chunk.program.advance(chunk.live, 0, WARM_UP)
        synchronize(device)
        with torch.profiler.profile(activities=activities) as watched:
            chunk.program.advance(chunk.live, WARM_UP, WARM_UP + steps)
        synchronize(device)
    on_device = [event.device_type == torch.autograd.DeviceType.CUDA for event in watched.events()]
    names = [event.name for event, there in zip(watched.events(), on_device, strict=True) if not there]
    counts = Counter(name for name in names if re.match("cu(da)?[A-Z]", name))
    return {"kernels": sum(on_device) / steps, "calls": {name: count / steps for name, count in counts.items()}}


def memory_of(device, problem, slots, steps):
    """Return the most bytes that a chunk takes on the device from its start, its first evaluation included."""
    specs = [decode(each | {"device": device}) for each in problem.specs]
    found = {"estimate_bytes": sum(estimate(each).memory_bytes for each in specs), "members": len(specs)}
    gc.collect()
    before = 0
    if device == "cuda":
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    trained = stacked(problem, device, slots=slots)
    trained.chunks[0].observe()
    trained.advance(steps, None)
    if device == "cuda":
        torch.cuda.synchronize()
        found |= {
            "peak_bytes": torch.cuda.max_memory_allocated() - before,
            "reserved_bytes": torch.cuda.max_memory_reserved(),
        }
    return found


def around(device, problem, slots):
    """Return the milliseconds of what is no step: one evaluation of all members, one window of minibatches."""
    chunk = stacked(problem, device, slots=slots).chunks[0]
    feed, found = chunk.program._feed, {}
    with taken(device, found, "observe_ms"):
        chunk.observe()
    with chunk.program.context():
        for start in (0, feed._window):  # the first compiles what draws
            with taken(device, found, "window_ms"):
                feed.seek(start)
    return {**found, "window_steps": feed._window}


@contextlib.contextmanager
def taken(device, found, name):
    """Note the milliseconds until the device has done what is inside."""
    synchronize(device)
    started = time.perf_counter()
    yield
    synchronize(device)
    found[name] = 1e3 * (time.perf_counter() - started)


def synchronize(device):
    """Wait for the device."""
    if device == "cuda":
        torch.cuda.synchronize()
