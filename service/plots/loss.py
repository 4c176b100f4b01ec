"""The losses of an experiment over its steps, and the accuracies of a classification."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from service.plots.drawing import BLACK, BLUE, GREEN, GREY, ORANGE, Format, legend, render, shorten
from workers.experiments.measurement import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = {"train": (BLUE, "-"), "validation": (GREEN, "-."), "test": (ORANGE, "--")}
LOSSES = tuple(f"{part}_loss" for part in STYLES)
ACCURACIES = tuple(f"{part}_accuracy" for part in STYLES)
ACCURACY = "accuracy (share that is right)"
FEW_POINTS = 30
LEAST, MOST = 1e-100, 1e100  # beyond, the axes' own arithmetic overflows
DECADE = 10.0  # a range below it reads better on a linear axis


@dataclass(frozen=True, kw_only=True)
class Course:
    """Curves named as in LOSSES and ACCURACIES; `stopped` is a step with a word for what ended the training there."""

    losses: Sequence[Curve]
    accuracies: Sequence[Curve] = ()
    title: str
    unit: str
    stopped: tuple[int, str] | None = None


def loss_plot(course: Course, form: Format) -> bytes:
    """Return the picture: curves over steps, or bars where everything was measured once, at one step."""
    tall = 2.2 if course.accuracies else 0.0
    if all(len(curve.steps) == 1 for curve in (*course.losses, *course.accuracies)):
        return render(partial(_draw_bars, course=course), form, inches=(7.0, 2.4 + tall / 2))
    return render(partial(_draw, course=course), form, inches=(7.0, 4.2 + tall))


def _draw(figure: "Figure", course: Course) -> None:
    rows = 2 if course.accuracies else 1
    panels = figure.subplots(rows, 1, sharex=True, height_ratios=(3, 2)[:rows], squeeze=False)[:, 0]
    panels[0].set_title(shorten(course.title))
    _draw_curves(panels[0], course.losses, course.unit, logarithmic=_spans_a_decade(course.losses))
    if course.accuracies:
        _draw_curves(panels[1], course.accuracies, ACCURACY, logarithmic=False)
    if course.stopped is not None:
        step, word = course.stopped
        for axes in panels:
            axes.axvline(step, color=GREY, linestyle=":", label=f"{word} at step {step:,}")
    panels[-1].set_xlabel("training step (parameter updates)")
    legend(panels[0])


def _draw_curves(axes: "Axes", curves: Sequence[Curve], unit: str, *, logarithmic: bool) -> None:
    if logarithmic:
        axes.set_yscale("log")
    least = LEAST if logarithmic else -MOST
    for curve in curves:
        part = curve.name.partition("_")[0]
        colour, line = STYLES[part]
        shown = [value if least <= value <= MOST else math.nan for value in curve.values]
        marker = "o" if len(shown) <= FEW_POINTS else None
        axes.plot(curve.steps, shown, color=colour, linestyle=line, marker=marker, markersize=3.5, label=part)
    points = [point for curve in curves for point in zip(curve.steps, curve.values, strict=True)]
    _mark(axes, [step for step, value in points if not value <= MOST], 1.0, "x", "not a finite number")
    _mark(axes, [step for step, value in points if value < least], 0.0, "v", "zero or less")
    axes.set_ylabel(unit + (" (log scale)" if logarithmic else ""))
    axes.margins(x=0.02)


def _mark(axes: "Axes", steps: Sequence[int], height: float, marker: str, label: str) -> None:
    """Mark, at an edge of the axes, where a value cannot be drawn: a gap alone would be overlooked."""
    if steps:
        heights = [height] * len(steps)
        place = axes.get_xaxis_transform()
        axes.plot(steps, heights, marker, color=BLACK, markersize=7, transform=place, clip_on=False, label=label)


def _draw_bars(figure: "Figure", course: Course) -> None:
    """Draw one bar for each part: a curve of one point would look like a speck on an empty sheet."""
    groups = [(course.losses, course.unit), *([(course.accuracies, ACCURACY)] if course.accuracies else [])]
    for axes, (curves, unit) in zip(figure.subplots(len(groups), 1, squeeze=False)[:, 0], groups, strict=True):
        parts = [curve.name.partition("_")[0] for curve in curves]
        values = [curve.values[0] for curve in curves]
        lengths = [value if abs(value) <= MOST else 0.0 for value in values]
        bars = axes.barh(parts, lengths, color=[STYLES[part][0] for part in parts], height=0.6)
        axes.bar_label(bars, labels=[f"{value:.3g}" for value in values], padding=4)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.margins(x=0.15)
        axes.set_xlabel(unit)
    figure.axes[0].set_title(shorten(course.title))


def _spans_a_decade(curves: Sequence[Curve]) -> bool:
    positive = [value for curve in curves for value in curve.values if LEAST <= value <= MOST]
    return bool(positive) and max(positive) >= DECADE * min(positive)
