"""Populations: any set of experiments, run together where their shapes agree, else one after another."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import get_args

import torch

from workers.catalogue.problems import InvalidError, Problem
from workers.catalogue.trainings.gradient import Gradient
from workers.engine.chunk import train
from workers.engine.conclusion import Conclusion
from workers.engine.course import Course
from workers.engine.material import Draws
from workers.engine.models import model_with
from workers.engine.numerics import torch_device
from workers.engine.programs import chunks_of, program_of, slots_for
from workers.engine.reports import Bulletin, CancelledError, Job, Reporter, StoppedError
from workers.engine.simulated import simulate
from workers.engine.still import fitted, measured, measured_again
from workers.experiments.backends import TrainingBackend
from workers.experiments.lifecycle import StatusReason
from workers.experiments.shape import backend_of, device_of, shape_key
from workers.experiments.spec import Approximation, Simulated

__all__ = ["Job", "Reporter", "run_population"]

log = logging.getLogger(__name__)


def run_population(jobs: Sequence[Job], reporter: Reporter, report_seconds: float = 0.5) -> None:
    """Run every job and tell the reporter its end: finish, fail or cancelled, exactly one each.

    What one job does, fails or costs changes no bit of another's result. Return early when the reporter
    says so by `stopping`.
    """
    bulletin = Bulletin(reporter, report_seconds, (job.id for job in jobs))
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        with _guarded(job.id, bulletin):
            groups.setdefault(shape_key(job.spec), []).append(job)
    try:
        for group in groups.values():
            _run_group(group, bulletin)
    except StoppedError:
        return


def _run_group(jobs: list[Job], bulletin: Bulletin) -> None:
    if backend_of(jobs[0].spec) in get_args(TrainingBackend):
        _train_all(jobs, bulletin)
        return
    for job in jobs:
        with _guarded(job.id, bulletin):
            bulletin.check(job.id)
            _run_alone(job, bulletin)


def _run_alone(job: Job, bulletin: Bulletin) -> None:
    spec = job.spec
    if isinstance(spec, Simulated):

        def note(completed: int, total: int) -> None:
            bulletin.check(job.id)
            if bulletin.is_due():
                bulletin.tell(job.id, "simulating", completed, total, "replicates", {})

        bulletin.finish(job.id, simulate(spec, note))
    elif not isinstance(spec, Approximation):
        raise InvalidError([Problem(path=("type",), detail="a recorded result is stored, not run")])
    elif spec.model_of is not None:
        _conclude(job.id, measured_again(job), bulletin)
    else:
        bulletin.tell(job.id, "fitting", 0, 1, "models", {})
        _conclude(job.id, fitted(spec) if backend_of(spec) == "fit" else measured(spec), bulletin)


def _conclude(job_id: str, conclusion: Conclusion, bulletin: Bulletin) -> None:
    def note(completed: int, total: int) -> None:
        bulletin.check(job_id)
        bulletin.tell(job_id, "probing", completed, total, "probes", conclusion.curves)

    bulletin.check(job_id)
    bulletin.finish(job_id, conclusion.measure(note))


def _train_all(jobs: list[Job], bulletin: Bulletin) -> None:
    """Train in chunks; the members of a chunk that breaks start again one by one."""
    draws = Draws()
    for members in chunks_of(jobs):
        if not _train_together(members, draws, bulletin):
            for job in members:
                if job.id in bulletin.open:
                    _train_together([job], draws, bulletin)


def _train_together(jobs: list[Job], draws: Draws, bulletin: Bulletin) -> bool:
    """Train the jobs in one chunk; return False when it broke and several members may have done it."""
    courses = []
    for job in jobs:
        with _guarded(job.id, bulletin):
            bulletin.check(job.id)
            courses.append(_course(job, draws))
    if not courses:
        return True
    slots = slots_for(courses[0].spec, len(courses))
    if len(courses) == 1:
        with _guarded(courses[0].job_id, bulletin):
            train(courses, slots, program_of, bulletin, lambda course: _settle(course, bulletin))
        return True
    try:
        train(courses, slots, program_of, bulletin, lambda course: _settle(course, bulletin))
    except StoppedError:
        raise
    except Exception:
        log.exception("a chunk of %d broke, its members go on alone", len(courses))
        return False
    return True


def _course(job: Job, draws: Draws) -> Course:
    spec = job.spec
    assert isinstance(spec, Approximation) and isinstance(spec.training, Gradient)
    return Course(job.id, spec, spec.training, draws.material(spec, torch_device(device_of(spec))))


def _settle(course: Course, bulletin: Bulletin) -> None:
    """Measure the member that ended."""
    with _guarded(course.job_id, bulletin):
        assert course.ending is not None
        conclusion = Conclusion(
            spec=course.spec,
            model=model_with(course.kept, course.spec, course.material),
            material=course.material,
            curves=course.curves,
            outcome=course.ending.outcome,
            step=course.ending.step,
            model_step=course.kept_step,
            snapshots=course.snapshots,
        )
        _conclude(course.job_id, conclusion, bulletin)


@contextmanager
def _guarded(job_id: str, bulletin: Bulletin) -> Iterator[None]:
    """Turn what goes wrong with one job into its last word, so that it spoils no other."""
    try:
        yield
    except StoppedError:
        raise
    except CancelledError:
        return
    except InvalidError as error:
        bulletin.fail(job_id, StatusReason.INVALID, str(error))
    except Exception as error:
        log.exception("experiment failed", extra={"experiment": job_id})
        if _is_memory(error):
            bulletin.fail(job_id, StatusReason.OUT_OF_MEMORY, f"does not fit into memory: {error}")
        else:
            bulletin.fail(job_id, StatusReason.INTERNAL, f"{type(error).__name__}: {error}".splitlines()[0])


def _is_memory(error: Exception) -> bool:
    # On the CPU torch says by text alone that an allocation failed.
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
