"""L^p norms against closed forms, for each rule."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import beta

from workers.engine import quadrature
from workers.engine.philox import Purpose, Stream
from workers.engine.quadrature import Rule, lp_error

Floats = npt.NDArray[np.float64]
INF = math.inf
EXPONENTS = (1, 1.5, 2, 7, 1000, INF)
JUMP = 1 / math.pi


@dataclass(frozen=True, kw_only=True)
class Case:
    """A function on an interval, its norms, and the relative error allowed to each rule."""

    function: Callable[[Floats], Floats]
    low: float
    high: float
    norm: Callable[[float], float]  # at finite p
    supremum: float = 1.0
    grid: float
    refined: float
    monte_carlo: float


# 1,000 grid points, 2,000 refined ones, 2,048 Sobol points. Rounding is 1e-13. A jump costs the grid up to
# half a cell (2e-3), a kink or an endpoint its square; the Sobol points miss an end by up to 1e-3.
CASES = {
    "one": Case(
        function=lambda x: np.ones((len(x), 1)),
        low=0,
        high=2,
        norm=lambda p: 1.0,
        grid=1e-13,
        refined=1e-13,
        monte_carlo=1e-13,
    ),
    "x": Case(
        function=lambda x: -x,
        low=0,
        high=1,
        norm=lambda p: (p + 1) ** (-1 / p),
        grid=1e-7,
        refined=1e-13,
        monte_carlo=1e-3,
    ),
    "x**2": Case(
        function=lambda x: x**2,
        low=-1,
        high=1,
        norm=lambda p: (2 * p + 1) ** (-1 / p),
        grid=2e-4,
        refined=1e-13,
        monte_carlo=2e-3,
    ),
    "step": Case(
        function=lambda x: np.where(x > JUMP, 1.0, 0.0),
        low=0,
        high=1,
        norm=lambda p: (1 - JUMP) ** (1 / p),
        grid=2e-3,
        refined=1e-12,
        monte_carlo=1e-3,
    ),
    "sine": Case(
        function=np.sin,
        low=0,
        high=2 * math.pi,
        norm=lambda p: (beta((p + 1) / 2, 0.5) / math.pi) ** (1 / p),
        grid=2e-5,
        refined=1e-11,
        monte_carlo=1e-4,
    ),
    "boundary layer": Case(
        function=lambda x: x**1000,
        low=0,
        high=1,
        norm=lambda p: (1000 * p + 1) ** (-1 / p),
        grid=0.3,
        refined=1e-12,
        monte_carlo=1.0,
    ),
}


def _norms(
    function: Callable[[Floats], Floats],
    p: tuple[float, ...] = EXPONENTS,
    rule: Rule = "grid",
    resolution: int = 2000,
    low: tuple[float, ...] = (0.0,),
    high: tuple[float, ...] = (1.0,),
    seed: int = 1,
) -> tuple[float, ...]:
    return lp_error(function, np.array(low), np.array(high), p, rule, resolution, seed)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_norms_agree_with_closed_forms(case: Case) -> None:
    """Catches Lebesgue measure in place of probability, a lost root and a power that overflows."""
    expected = [case.supremum if math.isinf(p) else case.norm(p) for p in EXPONENTS]
    rules: list[tuple[Rule, int, float]] = [
        ("grid", 1000, case.grid),
        ("edge-refined", 2000, case.refined),
        ("quasi-monte-carlo", 2000, case.monte_carlo),
    ]
    for rule, resolution, tolerance in rules:
        found = _norms(case.function, EXPONENTS, rule, resolution, (case.low,), (case.high,))
        assert found == pytest.approx(expected, rel=tolerance), rule


def test_the_refined_rule_finds_a_peak_between_its_samples() -> None:
    """sin has its maximum inside a cell; without the local search the error is 1e-6."""
    (found,) = _norms(lambda x: 3 * np.sin(x), (INF,), "edge-refined", 80, (0.0,), (3.0,))
    assert found == pytest.approx(3, rel=1e-14)


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_the_refined_rule_looks_at_both_ends_for_the_maximum(end: float) -> None:
    """Catches a search between the outermost samples only, which are 1e-3 inside."""
    assert _norms(lambda x: np.exp(-1e4 * abs(x - end)), (INF,), "edge-refined", 80) == (1.0,)


def test_refinement_follows_a_jump_with_few_points() -> None:
    """A tenth of the grid's points, a millionth of its error; catches refinement at the ends only."""
    rough = _norms(CASES["step"].function, (1,), "grid", 10_000)[0] - (1 - JUMP)
    fine = _norms(CASES["step"].function, (1,), "edge-refined", 1000)[0] - (1 - JUMP)
    assert abs(fine) < 1e-6 * max(abs(rough), 1e-5)


def test_the_refined_rule_keeps_its_budget() -> None:
    """Catches a budget spent twice; the search for the maximum has points of its own."""
    for budget in (80, 100, 777, 5000):
        counted = _Counted(CASES["step"].function)
        _norms(counted, (2,), "edge-refined", budget)
        assert budget / 3 < counted.points <= budget


def test_the_refined_rule_stops_when_it_is_exact() -> None:
    counted = _Counted(lambda x: x**2)
    _norms(counted, (1, 2), "edge-refined", 100_000)
    assert counted.points == 50_000


@pytest.mark.parametrize(("rule", "resolution"), [("grid", 64), ("quasi-monte-carlo", 2**15)])
def test_a_product_has_the_product_of_the_norms(rule: Rule, resolution: int) -> None:
    """Catches weights that are added over the axes and axes that share their coordinates."""
    found = _norms(_product, (1, 2, 3), rule, resolution, (0.0, -1.0), (1.0, 3.0))
    # mean of |t|**p on [-1, 3]: (1 + 3**(p+1)) / (4 (p+1))
    expected = [((1 + 3 ** (p + 1)) / (4 * (p + 1)) / (p + 1)) ** (1 / p) for p in (1, 2, 3)]
    assert found == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("rule", ["grid", "edge-refined"])
def test_several_outputs_count_by_their_euclidean_length(rule: Rule) -> None:
    """|(3, 4 x)|: mean square 9 + 16/3, largest 5; catches a sum or a maximum over outputs."""
    found = _norms(lambda x: np.hstack([np.full_like(x, 3), 4 * x]), (2, INF), rule)
    assert found == pytest.approx([math.sqrt(9 + 16 / 3), 5], rel=1e-12)


def test_the_grid_looks_at_the_corners_for_the_maximum() -> None:
    """Catches interior nodes only: the largest of them is 0.9 % off."""
    (found,) = _norms(_product, (INF,), "grid", 16, (0.0,) * 3, (1.0,) * 3)
    assert found == 1


def test_sobol_points_integrate_in_many_dimensions() -> None:
    """Mean of (sum of 20 uniforms)**2 is 20/12 + 100; pseudo-random points would be off by 1e-3."""
    (found,) = _norms(
        lambda x: x.sum(axis=1, keepdims=True), (2,), "quasi-monte-carlo", 2**14, (0.0,) * 20, (1.0,) * 20
    )
    assert found == pytest.approx(math.sqrt(20 / 12 + 100), rel=1e-4)


def test_sobol_points_are_shifted_by_the_seed() -> None:
    """Catches an unused seed, another stream and a count that is not a power of two."""
    counted = _Counted(lambda x: x)
    _norms(counted, (1,), "quasi-monte-carlo", 33, (0.0, 0.0), (2.0, 2.0), seed=7)
    points = np.concatenate(counted.blocks)
    shift = Stream(seed=7, purpose=Purpose.PROBE).child("quasi-monte-carlo").uniforms(2)
    assert points.shape == (64, 2)
    np.testing.assert_array_equal(points[0], 2 * shift)
    assert points.min() >= 0
    assert points.max() <= 2


@pytest.mark.parametrize(("rule", "resolution"), [("grid", 124), ("quasi-monte-carlo", 2**21)])
def test_blocks_are_bounded_and_change_nothing(rule: Rule, resolution: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches one call with all points, and a weight or a maximum lost between blocks."""
    counted = _Counted(lambda x: x[:, :1] - x[:, 1:2] * x[:, 2:])
    blocked = _norms(counted, (1, 50, INF), rule, resolution, (0.0,) * 3, (1.0,) * 3)
    assert len(counted.blocks) > 2
    assert max(block.size for block in counted.blocks) <= quadrature.BLOCK_NUMBERS
    monkeypatch.setattr(quadrature, "BLOCK_NUMBERS", 2**23)
    whole = _norms(counted, (1, 50, INF), rule, resolution, (0.0,) * 3, (1.0,) * 3)
    assert blocked == pytest.approx(whole, rel=1e-13)


@pytest.mark.parametrize("rule", ["grid", "edge-refined", "quasi-monte-carlo"])
@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_extreme_sizes_neither_overflow_nor_vanish(rule: Rule, factor: float) -> None:
    """Catches powers or squares taken before the division by the largest size."""

    def function(x: Floats) -> Floats:
        return np.hstack([np.sin(9 * x), np.cos(5 * x)])

    scaled = _norms(lambda x: factor * function(x), rule=rule)
    expected = [factor * norm for norm in _norms(function, rule=rule)]
    assert scaled == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("rule", ["grid", "edge-refined", "quasi-monte-carlo"])
def test_norms_grow_with_p(rule: Rule) -> None:
    """Jensen's inequality on a probability measure."""
    found = _norms(lambda x: np.sin(20 * x) * x, rule=rule)
    assert list(found) == sorted(found)


@pytest.mark.parametrize("rule", ["grid", "edge-refined", "quasi-monte-carlo"])
def test_zero_and_values_that_are_not_finite_are_told(rule: Rule) -> None:
    """Catches 0/0, and a maximum that passes over NaN."""
    assert _norms(np.zeros_like, rule=rule) == (0.0,) * len(EXPONENTS)
    assert _norms(lambda x: np.where(x > 0.5, INF, x), rule=rule) == (INF,) * len(EXPONENTS)
    assert all(math.isnan(norm) for norm in _norms(lambda x: np.where(x > 0.5, math.nan, x), rule=rule))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p": (0.5,)}, "p must be at least 1"),
        ({"p": (math.nan,)}, "p must be at least 1"),
        ({"resolution": 0}, "resolution must be at least 1"),
        ({"rule": "edge-refined", "resolution": 79}, "resolution of at least 80"),
        ({"rule": "edge-refined", "low": (0.0, 0.0), "high": (1.0, 1.0)}, "one dimension"),
        ({"rule": "simpson"}, "rule must be"),
        ({"low": (0.0, 0.0)}, "shape"),
        ({"low": (1.0,)}, "low below high"),
        ({"high": (INF,)}, "finite"),
        ({"low": (0.0,) * 9, "high": (1.0,) * 9}, "use quasi-monte-carlo"),
        ({"function": lambda x: x[:, 0]}, "not \\(n, m\\)"),
    ],
)
def test_arguments_without_a_meaning_are_refused(change: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {"function": lambda x: x} | change
    with pytest.raises(ValueError, match=message):
        _norms(**arguments)  # type: ignore[arg-type]


def _product(points: Floats) -> Floats:
    return points.prod(axis=1, keepdims=True)


class _Counted:
    """A function that remembers the blocks of points it was given."""

    def __init__(self, function: Callable[[Floats], Floats]) -> None:
        self.function = function
        self.blocks: list[Floats] = []

    @property
    def points(self) -> int:
        return sum(len(block) for block in self.blocks)

    def __call__(self, points: Floats) -> Floats:
        self.blocks.append(points.copy())
        return self.function(points)
