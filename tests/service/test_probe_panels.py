"""Panels of probes: what is drawn is what was measured, also where an axis has no place for it."""

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from service.plots.probes import DRAWN, Panel, probes_plot

NAN, ZERO, HUGE = [math.nan] * 3, [0.0] * 3, [1e-99, 1.0, 1e99]
DELTAS = [0.1, 0.2, 0.5]


def drawn(kind: str, metrics: dict[str, float], **arrays: Any) -> Any:
    """Return the axes on which a panel was drawn."""
    axes = Figure().subplots()
    DRAWN[kind].draw(axes, panel(kind, metrics, **arrays))
    return axes


def panel(kind: str, metrics: dict[str, float], **arrays: Any) -> Panel:
    """Return what a probe left, as numbers of float64."""
    return Panel(
        kind=kind,
        title=kind,
        metrics=metrics,
        arrays={name: np.asarray(array, dtype=np.float64) for name, array in arrays.items()},
        along=("x", (-1.0, 2.0)),
        loss_unit="nats",
    )


def test_the_fit_of_a_power_goes_through_its_points() -> None:
    """ω(δ) = 3 δ^0.5, deltas in any order. Caught mutations: a line through (1, 1); points joined as they come."""
    deltas = np.array([0.25, 0.01, 0.04])
    axes = drawn("modulus-of-continuity", {"modulus_exponent": 0.5}, deltas=deltas, modulus=3 * np.sqrt(deltas))
    model, fit = axes.lines
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert model.get_xdata().tolist() == [0.01, 0.04, 0.25]
    # three logarithms of float64
    assert fit.get_ydata() == pytest.approx([0.3, 0.6, 1.5], rel=1e-14)
    assert model.get_ydata() == pytest.approx([0.3, 0.6, 1.5], rel=1e-14)


def test_pieces_reach_from_end_to_end_of_the_interval() -> None:
    """Slopes 1, 5, -2 on [-1, 0], [0, 1], [1, 2]. Caught mutation: the outer pieces left out."""
    axes = drawn("linear-regions", {"linear_regions": 3.0}, breakpoints=[0, 1], slopes=[[1, 9], [5, 9], [-2, 9]])
    (steps,) = axes.patches
    assert steps.get_data().edges.tolist() == [-1.0, 0.0, 1.0, 2.0]
    assert steps.get_data().values.tolist() == [1.0, 5.0, -2.0]
    assert axes.get_ylabel() == "slope of the first output"


@pytest.mark.parametrize(
    ("counts", "heights"),
    [([3, 5, 5], {3: 1, 4: 0, 5: 2}), ([7], {7: 1}), (range(1, 42), {**{1.5 + 2 * k: 2 for k in range(20)}, 41.5: 1})],
)
def test_every_line_is_in_one_bar(counts: Sequence[int], heights: dict[float, int]) -> None:
    """One count a bar, two from 41 counts on. Caught mutations: the largest count left out; bars between counts."""
    axes = drawn("line-regions", {"line_regions_mean": 5.0}, counts=counts)
    found = {bar.get_x() + bar.get_width() / 2: bar.get_height() for bar in axes.patches}
    assert found == pytest.approx(heights)
    low, high = axes.get_xlim()
    assert low < min(heights) and max(heights) < high and high - low >= 6


def test_a_lone_eigenvalue_of_a_million_stands_above_the_floor() -> None:
    """Its peak is 1e-6 of the highest; the floor lies there. Caught mutation: a floor of 1e-5, which hides it."""
    axes = drawn(
        "hessian-spectrum", {}, density_eigenvalues=[-1, 0, 9], density=[0, 4, 4.1e-6], largest=[9], smallest=[-1]
    )
    low, high = axes.get_ylim()
    assert axes.get_yscale() == "log" and low < 4.1e-6 and high > 4
    across = {tuple(line.get_xdata()): line.get_marker() for line in axes.lines}
    assert {(0.0, 0.0), (9.0,), (-1.0,)} <= across.keys()


def test_a_zero_has_a_mark_and_no_place_on_a_logarithmic_axis() -> None:
    """Caught mutations: a line that falls to the floor; a distance that looks as if it had not been measured."""
    axes = drawn("modulus-of-continuity", {"modulus_exponent": 2.0}, deltas=[1, 2, 4], modulus=[0, 1, 4])
    mark, model, fit = axes.lines
    assert (mark.get_label(), mark.get_xdata().tolist()) == ("zero", [1.0])
    assert math.isnan(model.get_ydata()[0]) and model.get_ydata()[1:].tolist() == [1.0, 4.0]
    assert fit.get_ydata() == pytest.approx([0.25, 1.0, 4.0], rel=1e-14)


def test_a_constant_model_is_drawn_along_zero() -> None:
    """Caught mutation: a logarithmic axis of nothing."""
    axes = drawn("modulus-of-continuity", {"modulus_exponent": math.nan}, deltas=DELTAS, modulus=ZERO)
    (model,) = axes.lines
    assert axes.get_yscale() == "linear" and model.get_ydata().tolist() == ZERO


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (panel("hessian-spectrum", {}, density_eigenvalues=NAN, density=NAN, largest=[math.nan], smallest=ZERO), []),
        (panel("hessian-spectrum", {}, density_eigenvalues=HUGE, density=HUGE, largest=[1e99], smallest=[-1e99]), []),
        (panel("pruning-curve", {"prunable_sparsity": math.nan, "pruned_test_loss": 1.0}, sparsities=DELTAS,
               test_loss=[math.nan, 1, 2]), ["not a finite"]),
        (panel("pruning-curve", {"prunable_sparsity": 0.2, "pruned_test_loss": 1.0}, sparsities=DELTAS,
               test_loss=[0, 1, 1e99]), ["unpruned: 0"]),
        (panel("modulus-of-continuity", {"modulus_exponent": math.nan}, deltas=DELTAS, modulus=ZERO,
               target_modulus=NAN), ["modulus of continuity ω(δ)"]),
        (panel("modulus-of-continuity", {"modulus_exponent": 3.0}, deltas=DELTAS, modulus=[0, 1, 9],
               target_modulus=ZERO), ["zero", "(log scale)"]),
        (panel("linear-regions", {"linear_regions": 3.0}, breakpoints=[0, 1], slopes=[[math.nan], [1e99], [-1e99]]),
         ["pieces: 3"]),
    ],
)  # fmt: skip
def test_what_no_axis_can_show_is_marked_or_left_out(given: Panel, says: list[str]) -> None:
    """Warnings are errors. Caught mutations: a gap without its mark; limits for a density without a number."""
    text = probes_plot([given], "mine", "svg").decode()
    shown = re.findall(r"<!-- (.+?) -->", text)
    assert [line for line in says if line not in shown] == []


def test_a_flat_modulus_has_an_axis_to_be_read_by() -> None:
    """That of a step function. Caught mutation: limits so near each other that no tick lies between."""
    flat = drawn("modulus-of-continuity", {"modulus_exponent": 0.0}, deltas=DELTAS, modulus=[3, 3, 3 + 1e-15])
    for ticks, (low, high) in ((flat.get_xticks(), flat.get_xlim()), (flat.get_yticks(), flat.get_ylim())):
        assert any(low <= tick <= high for tick in ticks)
