"""Goals T1 to T8, each judged on a ratio of medians within one run."""

from dataclasses import dataclass
from statistics import median

from benchmarks.training.formulations import engine
from benchmarks.training.shapes import SHAPES

NETWORKS = 32  # of the goals
T2 = {"A-mini": 12.0, "A-full": 1.8, "B-mini": 4.0, "B-full": 0.95}
T3 = {"A-mini": 6.0, "A-full": 1.5, "B-mini": 3.0, "B-full": 1.5}
NOISY = 1.3  # largest over smallest rate of the probe


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One goal on one shape; `ratio` and `spread` are None where it was not measured."""

    goal: str
    statement: str
    shape: str
    bound: float
    at_most: bool
    ratio: float | None
    spread: tuple[float, float] | None = None

    @property
    def word(self):
        """Return met, missed or not measured."""
        if self.ratio is None:
            return "not measured"
        return "met" if (self.ratio <= self.bound if self.at_most else self.ratio >= self.bound) else "missed"


class Samples:
    """The records of a run, asked by formulation, shape and K."""

    def __init__(self, records, measure="cpu_us_per_network_step"):
        self._records, self._measure = records, measure
        self.formulations = {each["formulation"] for each in self.of("sample")}

    def of(self, kind):
        """Return the records of one kind."""
        return [each for each in self._records if each["record"] == kind]

    def costs(self, name, shape, networks=NETWORKS):
        """Return microseconds per network-step by round, those of the measure; none where it was not taken."""
        return {
            each["round"]: each[self._measure]
            for each in self.of("sample")
            if (each["formulation"], each["shape"], each["networks"]) == (name, shape, networks)
            and self._measure in each
        }

    def rates(self, shape):
        """Return the probe's GFLOP/s by round."""
        return {each["round"]: each["gflops"] for each in self.of("probe") if each["shape"] == shape}


def is_noisy(samples):
    """Return whether the machine's rate changed too much for the run to count."""
    rates = [each["gflops"] for each in samples.of("probe")]
    return bool(rates) and max(rates) / min(rates) > NOISY


def verdicts(samples, shapes):
    """Yield the verdicts on all goals."""
    ours = engine(samples.formulations)
    if ours is not None:
        yield from _of_speed(samples, shapes, ours)
    yield from _bits(samples)
    yield from _jobs(samples)


def _of_speed(samples, shapes, ours):
    for shape in shapes:
        yield _compared("T1", f"{ours} / jax", samples, shape, (ours, "jax"), 1.10, at_most=True)
    for shape in shapes:
        yield _compared("T2", f"torch-loop / {ours}", samples, shape, ("torch-loop", ours), T2[shape], at_most=False)
    for shape in shapes:
        yield _compared("T3", f"sklearn / {ours}", samples, shape, ("sklearn", ours), T3[shape], at_most=False)
    for shape in shapes:
        yield _share(samples, shape, ours)
    for shape in shapes:
        yield _by_networks(samples, shape, ours)
    for shape in shapes:
        yield _compared("T5", "ours-written / jax", samples, shape, ("ours-written", "jax"), 1.3, at_most=True)
    for shape in shapes:
        pair = f"{ours}-recording", ours
        yield _compared("T6", "with every step's losses / without", samples, shape, pair, 1.03, at_most=True)


def _compared(goal, statement, samples, shape, names, bound, *, at_most):
    above, below = (samples.costs(name, shape) for name in names)
    return judged(goal, statement, shape, bound, at_most, above, below)


def judged(goal, statement, shape, bound, at_most, above, below, factor=1.0):
    """Judge the ratio of medians; the spread is that of the ratios within one round."""
    place = {"goal": goal, "statement": statement, "shape": shape, "bound": bound, "at_most": at_most}
    pairs = [factor * above[number] / below[number] for number in above if number in below]
    if not pairs:
        return Verdict(**place, ratio=None)
    ratio = factor * median(above.values()) / median(below.values())
    return Verdict(**place, ratio=ratio, spread=(min(pairs), max(pairs)))


def _share(samples, shape, ours):
    """Judge the engine's rate of operations against that of one large product."""
    gflop = 1e-9 * SHAPES[shape].flops
    rates = {number: gflop / (1e-6 * cost) for number, cost in samples.costs(ours, shape).items()}
    return judged("T4", f"rate of {ours} / mm", shape, 0.45, False, rates, samples.rates(shape))


def _by_networks(samples, shape, ours):
    many, few = (samples.costs(ours, shape, networks) for networks in (128, 8))
    return judged("T4", f"{ours}, K=128 / K=8", shape, 1.1, True, many, few)


def _bits(samples):
    """Yield a verdict per shape and precision: the share of the two equalities that hold."""
    for each in samples.of("bitwise"):
        held = (each["companies_equal"] + each["rerun_equal"]) / 2
        statement = f"{each['formulation']}: same bits in K=2, 7, 32 and again, {each['steps']} steps"
        place = f"{each['shape']} {each['dtype']}"
        yield Verdict(goal="T7", statement=statement, shape=place, bound=1.0, at_most=False, ratio=held)


def _jobs(samples):
    jobs = samples.of("short-job")
    if not jobs:
        return
    seconds, alone, start = (
        {each["round"]: each[name] for each in jobs} for name in ("seconds", "training_seconds", "start_seconds")
    )
    shape = jobs[0]["shape"]
    yield judged("T8", "submit-to-done / training alone", shape, 1.25, True, seconds, alone)
    yield judged("T8", "seconds from submission to start", shape, 0.3, True, start, dict.fromkeys(start, 1.0))
