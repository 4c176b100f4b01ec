"""Logistic regression against closed forms, scikit-learn and a likelihood of the test's own."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from workers.analysis.logistic import Bounds, Logistic, half_point, logistic_regression
from workers.analysis.regression import Coefficient
from workers.catalogue.problems import InvalidError

Floats = npt.NDArray[np.float64]

WIDTHS = [4.0, 6.0, 8.0, 10.0, 12.0, 16.0]
TRAPPED = [2, 5, 9, 11, 17, 19]
TRIALS = [20] * 6


def of(fit: Logistic, name: str) -> Coefficient:
    """Return a coefficient that must be there."""
    found = fit.coefficient(name)
    assert found is not None, fit.problem
    return found


def log_likelihood(beta: Floats, design: Floats, successes: Floats, trials: Floats) -> float:
    """Return the log-likelihood, term by term."""
    p = expit(design @ beta)
    return float(np.sum(successes * np.log(p) + (trials - successes) * np.log(1 - p)))


def test_a_two_by_two_table_gives_the_log_odds_ratio() -> None:
    """In closed form: log(8 * 9 / (2 * 1)), variance 1/8 + 1/2 + 1/1 + 1/9. Caught mutations: the weights; a sign."""
    fit = logistic_regression({"wide": [0, 1]}, [1, 8], [10, 10], bounds=Bounds.WALD)
    slope, intercept = of(fit, "wide"), of(fit, "intercept")
    assert slope.estimate == pytest.approx(math.log(36))
    assert slope.se == pytest.approx(math.sqrt(1 / 8 + 1 / 2 + 1 / 1 + 1 / 9))
    assert (intercept.estimate, intercept.se) == pytest.approx((math.log(1 / 9), math.sqrt(1 / 1 + 1 / 9)))
    half = 1.959963984540054 * slope.se  # type: ignore[operator]
    assert (slope.low, slope.high) == pytest.approx((slope.estimate - half, slope.estimate + half))
    # A model with as many coefficients as rows: what is left is nothing.
    assert fit.residuals == pytest.approx((0, 0), abs=1e-6)
    assert (fit.n, fit.trials, fit.method) == (2, 20, "maximum likelihood, Wald intervals")


def test_it_is_what_scikit_learn_finds_without_a_penalty() -> None:
    """Two predictors of other sizes, one trial a row. Caught mutations: the way back from scaled predictors."""
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=80), 1e4 + 300 * generator.normal(size=80)
    y = (generator.uniform(size=80) < expit(0.5 - a + (b - 1e4) / 200)).astype(int)
    fit = logistic_regression({"a": a.tolist(), "b": b.tolist()}, y.tolist())
    reference = LogisticRegression(C=math.inf, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    scaled = np.column_stack([a, (b - 1e4) / 300])  # its solver stops early where sizes differ so much
    reference.fit(scaled, y)
    assert of(fit, "a").estimate == pytest.approx(reference.coef_[0, 0], rel=1e-6)
    assert of(fit, "b").estimate == pytest.approx(reference.coef_[0, 1] / 300, rel=1e-6)
    expected = reference.intercept_[0] - 1e4 * reference.coef_[0, 1] / 300
    assert of(fit, "intercept").estimate == pytest.approx(expected, rel=1e-6)


def test_counts_are_the_same_as_their_single_trials() -> None:
    """Caught mutations: trials left out of the weights; residuals counted by row."""
    counted = logistic_regression({"k": WIDTHS}, TRAPPED, TRIALS)
    rows = [(k, int(i < s)) for k, s, n in zip(WIDTHS, TRAPPED, TRIALS, strict=True) for i in range(n)]
    single = logistic_regression({"k": [k for k, _ in rows]}, [y for _, y in rows])
    for name in ("intercept", "k"):
        for field in ("estimate", "se", "low", "high"):
            assert getattr(of(counted, name), field) == pytest.approx(getattr(of(single, name), field), rel=1e-8)
    assert counted.r_squared == pytest.approx(single.r_squared)
    assert (counted.n, single.n, counted.trials, single.trials) == (6, 120, 120, 120)


def test_a_profile_interval_ends_where_the_likelihood_has_fallen_by_half_a_chi_square() -> None:
    """By a maximiser of the test's own. Caught mutations: the other coefficients held; chi-square, not half of it."""
    fit = logistic_regression({"k": WIDTHS}, TRAPPED, TRIALS)
    s, n, k = np.array(TRAPPED, float), np.array(TRIALS, float), np.array(WIDTHS)
    design = np.column_stack([np.ones(6), k])
    assert fit.log_likelihood == pytest.approx(
        log_likelihood(np.array([of(fit, "intercept").estimate, of(fit, "k").estimate]), design, s, n)
    )
    for column, name in enumerate(("intercept", "k")):
        for bound in (of(fit, name).low, of(fit, name).high):
            # Maximised over the other coefficient, from the estimate on.
            def lost(other: Floats, bound: float | None = bound, column: int = column) -> float:
                beta = np.array([bound, other[0]] if column == 0 else [other[0], bound], dtype=float)
                return -log_likelihood(beta, design, s, n)

            start = of(fit, "k" if column == 0 else "intercept").estimate
            best = minimize(lost, [start], method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12})
            fall = 2 * (fit.log_likelihood + best.fun)  # type: ignore[operator]
            assert fall == pytest.approx(3.841458820694124, abs=1e-6)  # chi-square, 1 degree of freedom, 95 %


def test_r_squared_aic_and_residuals_follow_from_the_likelihood() -> None:
    """Caught mutations: the null likelihood of 1/2; a residual without its sign; AIC with one coefficient less."""
    fit = logistic_regression({"k": WIDTHS}, TRAPPED, TRIALS)
    share = sum(TRAPPED) / sum(TRIALS)
    null = sum(TRAPPED) * math.log(share) + (120 - sum(TRAPPED)) * math.log(1 - share)
    assert fit.log_likelihood is not None
    assert fit.r_squared == pytest.approx(1 - fit.log_likelihood / null)
    assert fit.aic == pytest.approx(2 * 2 - 2 * fit.log_likelihood)
    saturated = sum(s * math.log(s / 20) + (20 - s) * math.log(1 - s / 20) for s in TRAPPED)
    assert sum(value**2 for value in fit.residuals) == pytest.approx(2 * (saturated - fit.log_likelihood))
    fitted = expit(of(fit, "intercept").estimate + of(fit, "k").estimate * np.array(WIDTHS))
    assert np.sign(fit.residuals).tolist() == np.sign(np.array(TRAPPED) / 20 - fitted).tolist()


@pytest.mark.parametrize(
    ("predictors", "successes", "trials"),
    [
        ({"k": [1, 2, 3, 4]}, [0, 0, 1, 1], None),  # complete
        ({"k": [1, 2, 2, 3]}, [0, 0, 1, 1], None),  # quasi-complete: both outcomes at 2
        ({"k": [1, 2, 3]}, [0, 3, 10], [10, 10, 10]),  # counts: all mixed rows at one x
        ({"a": [0, 1, 0, 1, 2], "b": [1, 2, 0, 1, 2]}, [1, 1, 0, 0, 0], None),  # b - a alone does it
    ],
)
def test_separation_is_refused(
    predictors: dict[str, list[float]], successes: list[int], trials: list[int] | None
) -> None:
    """Caught mutations: a slope of 40 with a Wald interval around 0; a test of each predictor by itself."""
    fit = logistic_regression(predictors, successes, trials)
    assert (fit.coefficients, fit.r_squared) == ((), None)
    names = ", ".join(predictors)
    assert fit.problem == f"separation: {names} split the successes from the failures, so the likelihood has no maximum"


def test_an_overlap_of_one_row_is_no_separation() -> None:
    """The negative control. Caught mutation: a steep slope taken for separation."""
    fit = logistic_regression({"k": [1, 2, 3, 4, 5, 6]}, [0, 0, 1, 0, 1, 1])
    assert fit.problem is None
    assert 0 < of(fit, "k").estimate < 5
    assert logistic_regression({"k": [1, 2, 3]}, [1, 3, 10], [10, 10, 10]).problem is None


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(1, 3), st.integers(0, 3)), min_size=3, max_size=9
    )
)
def test_either_the_score_is_0_or_there_is_no_maximum(rows: list[tuple[int, int, int, int]]) -> None:
    """At a maximum successes and fitted ones agree in every column; separation by a program of the test's own.

    Caught mutations: Newton stopped early; mixed rows ignored by the separation; a separation of 0 everywhere.
    """
    a, b, n = (np.array([row[place] for row in rows], dtype=float) for place in range(3))
    s = np.minimum([row[3] for row in rows], n)
    fit = logistic_regression({"a": a.tolist(), "b": b.tolist()}, s.astype(int).tolist(), n.astype(int).tolist())
    design = np.column_stack([np.ones(len(n)), a, b])
    if fit.problem is None:
        beta = np.array([coefficient.estimate for coefficient in fit.coefficients])
        assert design.T @ (s - n * expit(design @ beta)) == pytest.approx(np.zeros(3), abs=1e-6)
        assert all(each.low < each.estimate < each.high for each in fit.coefficients)  # type: ignore[operator]
    elif np.linalg.matrix_rank(design) == 3:
        # A direction of log-odds at least 1 better somewhere and worse nowhere: one for each row that may be split.
        better = [design * sign[:, None] for sign in (np.where(s > 0, 1.0, 0.0), np.where(s < n, -1.0, 0.0))]
        bounds = {"A_ub": -np.vstack(better), "bounds": (None, None)}
        found = [
            linprog(np.zeros(3), b_ub=-np.where(np.arange(2 * len(n)) == row, 1.0, 0.0), **bounds).success
            for row in range(2 * len(n))
        ]
        assert any(found)


def test_what_has_no_maximum_says_why() -> None:
    """Caught mutations: log(0); a column of the same value as a second intercept; an exception for no rows."""
    assert logistic_regression({"k": [1, 2, 3]}, [0, 0, 0]).problem == (
        "no success in 3 trials: the likelihood has no maximum"
    )
    assert logistic_regression({"k": [1, 2, 3]}, [5, 5, 5], [5, 5, 5]).problem == (
        "no failure in 15 trials: the likelihood has no maximum"
    )
    same = logistic_regression({"k": [2, 2, 2, 2]}, [0, 1, 0, 1])
    assert same.problem == "k is constant or a linear combination of the predictors before it: it has no own slope"
    assert logistic_regression({"k": []}, []).problem == "0 usable rows: 2 coefficients take at least as many"


def test_a_row_with_a_hole_takes_its_trials_with_it() -> None:
    """Caught mutation: the trials of the rows shifted against their successes."""
    holed = logistic_regression({"k": [math.nan, *WIDTHS]}, [7, *TRAPPED], [90, *TRIALS])
    whole = logistic_regression({"k": WIDTHS}, TRAPPED, TRIALS)
    assert holed.coefficients == whole.coefficients
    assert [(point.index, point.reason) for point in holed.left_out] == [(0, "k is not finite")]


def test_the_half_point_solves_fiellers_equation() -> None:
    """Its bounds are where b0 + b1 x is z standard errors from 0. Caught mutations: the covariance's sign; b0 / b1."""
    fit = logistic_regression({"k": WIDTHS}, TRAPPED, TRIALS)
    point = half_point(fit, "k")
    b0, b1 = of(fit, "intercept").estimate, of(fit, "k").estimate
    (v00, v01), (_, v11) = fit.covariance
    assert point is not None and point.low is not None and point.high is not None
    assert point.low < point.estimate < point.high
    assert expit(b0 + b1 * point.estimate) == pytest.approx(0.5)
    for x in (point.low, point.high):
        assert (b0 + b1 * x) ** 2 == pytest.approx(1.959963984540054**2 * (v00 + 2 * v01 * x + v11 * x * x))


def test_without_a_slope_the_half_point_has_no_interval() -> None:
    """Caught mutation: the roots of Fieller's quadratic taken where it opens downwards."""
    flat = half_point(logistic_regression({"k": WIDTHS}, [9, 11, 10, 9, 12, 10], TRIALS), "k")
    assert flat is not None and (flat.low, flat.high) == (None, None)
    assert "may lie anywhere" in flat.method
    assert half_point(logistic_regression({"k": [1, 2]}, [0, 1]), "k") is None


def test_profile_intervals_cover_95_percent() -> None:
    """Six widths of 20 trials each. Caught mutation: a chi-square of 90 %, which covers 90 %."""
    generator, replicates = np.random.default_rng(5), 800
    p = expit(-3 + 0.3 * np.array(WIDTHS))
    draws = [generator.binomial(20, p).tolist() for _ in range(replicates)]
    slopes = [of(logistic_regression({"k": WIDTHS}, draw, TRIALS), "k") for draw in draws]
    covered = sum(slope.low <= 0.3 <= slope.high for slope in slopes) / replicates  # type: ignore[operator]
    assert abs(covered - 0.95) < 4 * math.sqrt(0.95 * 0.05 / replicates)


def test_bad_counts_and_levels_are_refused() -> None:
    """Caught mutations: more successes than trials; half a success; an unnamed level."""
    for successes, trials in (([3], [2]), ([0], [0]), ([0.5], [1]), ([-1], [1])):
        with pytest.raises(ValueError, match="whole numbers, not"):
            logistic_regression({"k": [1]}, successes, trials)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="as many values"):
        logistic_regression({"k": [1]}, [1], [1, 1])
    with pytest.raises(ValueError, match="names intercept and y are taken"):
        logistic_regression({"y": [1]}, [1])
    with pytest.raises(InvalidError, match="/level"):
        logistic_regression({"k": [1]}, [1], level=0)
