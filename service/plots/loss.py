"""The losses of an experiment over its steps."""

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from service.plots.drawing import BLUE, GREEN, GREY, ORANGE, Format, legend, render, shorten
from workers.experiments.measurement import Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = {"train_loss": (BLUE, "-"), "validation_loss": (GREEN, "-."), "test_loss": (ORANGE, "--")}
LOSSES = tuple(STYLES)
FEW_POINTS = 30
LEAST, MOST = 1e-100, 1e100  # beyond, the axes' own arithmetic overflows


def loss_plot(
    curves: Sequence[Curve], form: Format, *, title: str, unit: str, stopped: tuple[int, str] | None = None
) -> bytes:
    """Return the picture; `stopped` is a step with a word for what ended the training there."""
    return render(partial(_draw, curves=curves, title=title, unit=unit, stopped=stopped), form)


def _draw(figure: "Figure", curves: Sequence[Curve], title: str, unit: str, stopped: tuple[int, str] | None) -> None:
    axes = figure.add_subplot()
    logarithmic = any(LEAST <= value <= MOST for curve in curves for value in curve.values)
    if logarithmic:
        axes.set_yscale("log")
    for curve in curves:
        colour, line = STYLES[curve.name]
        # A gap shows where the loss was not finite, or not positive on a logarithmic axis.
        least = LEAST if logarithmic else -MOST
        shown = [value if least <= value <= MOST else math.nan for value in curve.values]
        marker = "o" if len(shown) <= FEW_POINTS else None
        label = curve.name.removesuffix("_loss")
        axes.plot(curve.steps, shown, color=colour, linestyle=line, marker=marker, markersize=3.5, label=label)
    if stopped is not None:
        axes.axvline(stopped[0], color=GREY, linestyle=":", label=f"{stopped[1]} at step {stopped[0]:,}")
    axes.set_title(shorten(title))
    axes.set_xlabel("training step (parameter updates)")
    axes.set_ylabel(unit + (" (log scale)" if logarithmic else ""))
    axes.margins(x=0.02)
    legend(axes)
