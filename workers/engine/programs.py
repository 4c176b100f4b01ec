"""Which program trains an experiment, how many slots it has, and how a population is cut into its chunks."""

from collections.abc import Iterator

import torch

from workers.catalogue.kinds import Network
from workers.catalogue.problems import InvalidError, Problem
from workers.catalogue.trainings.gradient import Gradient
from workers.engine.chunk import FEWEST_SLOTS, rows_of
from workers.engine.compiled import CompiledProgram
from workers.engine.course import Course
from workers.engine.kernel.library import Kernel, kernel
from workers.engine.loop import ModuleProgram
from workers.engine.material import DTYPES, draw_key
from workers.engine.numerics import torch_device
from workers.engine.program import Program
from workers.engine.reports import Job
from workers.engine.vmapped import VmapProgram
from workers.engine.written import DenseProgram
from workers.experiments.costs import estimate
from workers.experiments.shape import backend_of, dense_stack, device_of, most_slots
from workers.experiments.spec import Approximation

# Of a chunk of the compiled back end, whose members need no company: it is heard between two calls, and each call
# takes a step or an evaluation of every member.
MOST_COMPILED = 32
CHUNK_FLOPS = 4e10  # half a second
CHUNK_BYTES = 2**31


def program_of(course: Course, slots: int) -> Program:
    """Return the program of a member's back end."""
    spec, training = course.spec, course.training
    backend, stack = backend_of(spec), dense_stack(spec)
    device, dtype = torch_device(device_of(spec)), DTYPES[spec.dtype]
    if backend == "compiled":
        assert stack is not None
        return CompiledProgram(
            stack, spec.loss, training.optimizer, slots=slots, dtype=dtype, kernel=_kernel_or_refusal()
        )
    if backend == "written":
        assert stack is not None
        rows = rows_of(spec, training)
        return DenseProgram(stack, spec.loss, training.optimizer, slots=slots, rows=rows, dtype=dtype, device=device)
    assert isinstance(spec.architecture, Network)
    torch.manual_seed(spec.seed_of("init") % 2**63)  # for modules that draw while they train
    module = spec.architecture.module(spec.sizes.inputs, spec.sizes.outputs).to(device, dtype)
    if backend == "vmap":
        return VmapProgram(module, spec.loss, training.optimizer, slots=slots)
    return ModuleProgram(module, spec.loss, training.optimizer)


def slots_for(spec: Approximation, members: int) -> int:
    """Return the slots of a chunk: 2 or C of a stacked program (on a GPU always C), else one for each member."""
    if not is_stacked(spec):
        return members
    return FEWEST_SLOTS if members <= FEWEST_SLOTS and _has_pairs(spec) else most_slots(spec)


def is_stacked(spec: Approximation) -> bool:
    """Say whether the slots of its program step together."""
    return backend_of(spec) in ("written", "vmap")


def chunks_of(jobs: list[Job]) -> Iterator[list[Job]]:
    """Yield the members of each chunk: long trainings together, and equal data side by side."""

    def order(job: Job) -> tuple[int, str]:
        assert isinstance(job.spec, Approximation) and isinstance(job.spec.training, Gradient)
        return -job.spec.training.steps, draw_key(job.spec)

    waiting = sorted(jobs, key=order)
    spec = waiting[0].spec
    assert isinstance(spec, Approximation)
    while waiting:
        size = _chunk_size(spec, len(waiting))
        yield waiting[:size]
        waiting = waiting[size:]


def _has_pairs(spec: Approximation) -> bool:
    return device_of(spec) == "cpu"


def _chunk_size(spec: Approximation, waiting: int) -> int:
    if is_stacked(spec):
        most = most_slots(spec)
        # Few are faster in pairs than in a chunk that is mostly ballast.
        return FEWEST_SLOTS if 2 * waiting <= most and _has_pairs(spec) else most
    if backend_of(spec) != "compiled":
        return 1
    cost = estimate(spec)
    return max(1, min(MOST_COMPILED, int(CHUNK_FLOPS / cost.call_flops), CHUNK_BYTES // cost.memory_bytes))


def _kernel_or_refusal() -> Kernel:
    found = kernel()
    if found is None:
        detail = 'this worker cannot compile: use "written", or install a C++ compiler (g++ or clang++) where it runs'
        raise InvalidError([Problem(path=("backend",), code="unavailable", detail=detail)])
    return found
