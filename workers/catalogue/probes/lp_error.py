"""The distance between model and target."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from workers.catalogue.domains import LARGEST_COORDINATE, interval_problems
from workers.catalogue.kinds import Architecture, Probe, Target, probes
from workers.catalogue.parameters import parameter
from workers.catalogue.problems import Problem
from workers.catalogue.values import DataSizes, Reading, Subject, Task

if TYPE_CHECKING:
    from workers.catalogue.values import Floats

Rule = Literal["auto", "grid", "edge-refined", "quasi-monte-carlo", "test"]
USUAL_POINTS = 65_536
EDGE_REFINED_POINTS = 16_384
FEWEST_EDGE_REFINED = 80  # the engine refuses less
LARGEST_POINTS = 2**24  # minutes for a network of a million weights


@probes.register("lp-error", source="Rudin 1987, Real and complex analysis, chapter 3; Sobol 1967 for many inputs")
@dataclass(frozen=True, kw_only=True)
class LpError(Probe):
    """The L^p norms of model minus target: (mean |e|**p)**(1/p), and the largest |e| for p = "inf".

    The mean is over the box, so the constant error 1 has norm 1 for every p; |e| is the Euclidean norm over
    the outputs, in target units. Metrics: l1_error, l2_error, l1_5_error for p = 1.5, sup_error for "inf".
    Rules: `grid` Gauss-Legendre panels on every axis; `edge-refined` the same in one dimension, refined at
    both ends and wherever the error is rough; `quasi-monte-carlo` a shifted Sobol sequence; `test` the mean
    over the test samples, the only one where no target is known. `auto` takes the second for one input, the
    first for two, the third for more, the last without a target.
    """

    p: tuple[float | Literal["inf"], ...] = parameter(
        (1.0, 2.0, "inf"), "exponents of at least 1, or inf", minimum=1.0, maximum=1000.0, min_items=1, max_items=16
    )
    rule: Rule = parameter("auto", "where the error is evaluated")
    resolution: int | None = parameter(
        None,
        "points: per axis of a grid, in all for the other rules; null: about 65,536 in all",
        minimum=4,
        maximum=LARGEST_POINTS,
    )
    domain: tuple[tuple[float, float], ...] | None = parameter(
        None,
        "[low, high] of each input; null: the target's domain",
        min_items=1,
        max_items=64,
        minimum=-LARGEST_COORDINATE,
        maximum=LARGEST_COORDINATE,
    )

    def problems(self) -> Iterator[Problem]:
        """Yield repeated exponents and empty intervals."""
        yield from interval_problems(enumerate(self.domain or ()), "domain")
        if len(set(self.p)) < len(self.p):
            yield Problem(path=("p",), detail="names an exponent twice")

    def metric_names(self) -> tuple[str, ...]:
        """Return one name per exponent."""
        return self.named(*(_name(exponent) for exponent in self.p))

    def misfits(
        self, sizes: DataSizes, task: Task, architecture: Architecture, target: Target | None
    ) -> Iterable[Problem]:
        """Yield what the rule lacks."""
        rule = self._rule(sizes.inputs, target is not None)
        if task is not Task.REGRESSION:
            yield Problem(detail="needs a regression: classes are measured by the probe 'classification'")
        if rule != "test" and target is None:
            yield Problem(path=("rule",), detail="only 'test' serves data without a target")
        if rule == "test" and self.domain is not None:
            yield Problem(path=("domain",), detail="has no part in the rule 'test', which takes the test samples")
        if self.domain is not None and len(self.domain) != sizes.inputs:
            detail = f"must have {sizes.inputs} intervals, one per input; got {len(self.domain)}"
            yield Problem(path=("domain",), code="length", detail=detail)
        if rule == "edge-refined" and sizes.inputs != 1:
            detail = f"edge-refined works for 1 input, not {sizes.inputs}: use quasi-monte-carlo"
            yield Problem(path=("rule",), detail=detail)
        points = self._points(rule, sizes.inputs)
        if rule == "edge-refined" and points < FEWEST_EDGE_REFINED:
            detail = f"must be at least {FEWEST_EDGE_REFINED} for edge-refined"
            yield Problem(path=("resolution",), code="range", detail=detail)
        if rule == "grid" and (points + 6) ** sizes.inputs > LARGEST_POINTS:
            detail = f"a grid of {points}**{sizes.inputs} points is too large: use quasi-monte-carlo"
            yield Problem(path=("resolution",), code="range", detail=detail)

    def measure(self, subject: Subject) -> Reading:
        """Evaluate model and target at the rule's points."""
        import numpy as np

        from workers.engine.quadrature import lp_error

        exponents = [math.inf if exponent == "inf" else exponent for exponent in self.p]
        truth, box = subject.truth, self.domain or subject.box
        rule = self._rule(subject.split.test.inputs.shape[1], truth is not None)
        if rule == "test" or truth is None or box is None:
            test = subject.split.test
            norms = _norms(subject.predict(test.inputs) - test.outputs, exponents)
        else:
            low, high = np.array(box).T
            points = self._points(rule, len(low))
            norms = lp_error(lambda x: subject.predict(x) - truth(x), low, high, exponents, rule, points, subject.seed)
        return Reading(metrics=dict(zip(self.metric_names(), norms, strict=True)))

    def _rule(self, inputs: int, known: bool) -> Literal["grid", "edge-refined", "quasi-monte-carlo", "test"]:
        if self.rule != "auto":
            return self.rule
        if not known:
            return "test"
        return "edge-refined" if inputs == 1 else "grid" if inputs == 2 else "quasi-monte-carlo"

    def _points(self, rule: Rule, inputs: int) -> int:
        usual = {"edge-refined": EDGE_REFINED_POINTS, "grid": max(4, round(USUAL_POINTS ** (1.0 / inputs)))}
        return self.resolution or usual.get(rule, USUAL_POINTS)


def _name(exponent: float | str) -> str:
    if exponent == "inf":
        return "sup_error"
    text = repr(float(exponent)).removesuffix(".0").replace(".", "_")
    return f"l{text}_error"


def _norms(difference: "Floats", exponents: list[float]) -> tuple[float, ...]:
    """Return the norms over samples (n, m), relative to the largest so that no power overflows."""
    import numpy as np

    sizes = np.hypot.reduce(np.abs(difference), axis=1)
    peak = float(sizes.max())
    if peak == 0 or not math.isfinite(peak):
        return (peak,) * len(exponents)
    means = (1.0 if math.isinf(p) else float(np.mean((sizes / peak) ** p)) ** (1 / p) for p in exponents)
    return tuple(peak * mean for mean in means)
