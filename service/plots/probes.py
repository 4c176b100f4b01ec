"""What the probes of an experiment saw, one panel for each below one another."""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from service.plots.drawing import BLACK, BLUE, GREEN, GREY, ORANGE, Format, legend, render, shorten
from service.plots.loss import ACCURACY, DECADE, LEAST
from workers.catalogue.domains import Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from workers.catalogue.values import Floats

PANEL_INCHES, HEADING_INCHES, WIDTH_INCHES = 2.9, 0.5, 8.5
# Each eigenvalue of p carries 1/p of the density: one apart from all others shows, up to a million weights.
DENSITY_SPAN = 1e6
LOG = " (log scale)"
LABEL_LETTERS = 26  # of a line beside a panel
FEWEST_BARS, MOST_BARS = 10, 40  # that there is room for


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What one probe left: its metrics without its label, its arrays, and what they are measured along.

    `along` is the first input with its interval; `loss_unit` says what a loss is.
    """

    kind: str
    title: str
    metrics: Mapping[str, float]
    arrays: "Mapping[str, Floats]"
    along: tuple[str, Interval]
    loss_unit: str


def probes_plot(panels: Sequence[Panel], heading: str, form: Format) -> bytes:
    """Return the picture of one panel or more."""
    inches = (WIDTH_INCHES, HEADING_INCHES + PANEL_INCHES * len(panels))
    return render(partial(_draw, panels=panels, heading=heading), form, inches=inches)


def _draw(figure: "Figure", panels: Sequence[Panel], heading: str) -> None:
    figure.suptitle(heading, x=0.01, ha="left", fontsize=11)
    for axes, panel in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        axes.set_title(panel.title, fontsize=10, color=GREY)
        DRAWN[panel.kind].draw(axes, panel)
        axes.set_ylabel(textwrap.fill(axes.get_ylabel(), LABEL_LETTERS))
        # Beside the axes, for no corner of them is empty in every panel.
        legend(axes, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=9)


def _draw_spectrum(axes: "Axes", panel: Panel) -> None:
    import numpy as np

    eigenvalues, density = panel.arrays["density_eigenvalues"], panel.arrays["density"]
    peak = max(density[np.isfinite(density)], default=0.0)
    if peak > 0:
        axes.set_yscale("log")
        axes.set_ylim(peak / DENSITY_SPAN, 2 * peak)
    axes.plot(eigenvalues, density, color=BLUE, linewidth=1.4)
    axes.fill_between(eigenvalues, peak / DENSITY_SPAN, density, color=BLUE, alpha=0.15, linewidth=0)
    axes.axvline(0.0, color=GREY, linewidth=0.8)
    for end, colour, word in (("largest", ORANGE, "up to"), ("smallest", GREEN, "down to")):
        values = panel.arrays[end]
        _mark(axes, values, 0.0, "^", f"{len(values)} {end},\n{word} {values[0]:.3g}", colour)
    axes.set_xlabel("eigenvalue of the Hessian of the training loss")
    axes.set_ylabel("density" + LOG * bool(peak > 0))


def _draw_pruning(axes: "Axes", panel: Panel) -> None:
    curve = next(name for name in panel.metrics if name.startswith("pruned_")).removeprefix("pruned_")
    sparsities, values = panel.arrays["sparsities"], panel.arrays[curve]
    logarithmic = bool(values.min() >= LEAST and values.max() >= DECADE * values.min())
    values = _shown(axes, sparsities, values, logarithmic=logarithmic)
    axes.plot(sparsities, values, "-o", color=BLUE, markersize=3.5, label="pruned")
    prunable = panel.metrics["prunable_sparsity"]
    if math.isfinite(prunable):
        axes.axhline(values[0], color=BLACK, linestyle="--", linewidth=1.2, label=f"unpruned: {values[0]:.3g}")
        axes.axvline(prunable, color=GREEN, linestyle=":", label=f"prunable\nsparsity: {prunable:g}")
    units = {"test_loss": f"test loss: {panel.loss_unit}", "test_accuracy": f"test {ACCURACY}"}
    axes.set_xlabel("sparsity (share of the weights that are set to zero)")
    axes.set_ylabel(units.get(curve, "test L2 error (units of the outputs)") + LOG * logarithmic)


def _draw_modulus(axes: "Axes", panel: Panel) -> None:
    import numpy as np

    order = np.argsort(panel.arrays["deltas"], kind="stable")
    deltas, modulus = panel.arrays["deltas"][order], panel.arrays["modulus"][order]
    axes.set_xscale("log")
    known = modulus >= LEAST
    logarithmic = bool(known.any())
    values = _shown(axes, deltas, modulus, logarithmic=logarithmic)
    target = panel.arrays.get("target_modulus", deltas * np.nan)[order]
    target = np.where(target >= LEAST, target, np.nan) if logarithmic else target
    if np.isfinite(target).any():
        axes.plot(deltas, target, color=BLACK, linewidth=3.2, alpha=0.35, label="target")
    axes.plot(deltas, values, "-o", color=BLUE, markersize=3.5, label="model")
    exponent = panel.metrics["modulus_exponent"]
    if math.isfinite(exponent):
        height = np.log(modulus[known]).mean() - exponent * np.log(deltas[known]).mean()
        fitted = np.exp(height + exponent * np.log(deltas))
        axes.plot(deltas, fitted, "--", color=ORANGE, linewidth=1.2, label=f"fit, exponent\n{exponent:.3f}")
    axes.set_xlim(_at_least_a_decade(*axes.get_xlim()))
    if logarithmic:
        axes.set_ylim(_at_least_a_decade(*axes.get_ylim()))
    axes.set_xlabel("distance δ of two inputs (log scale)")
    axes.set_ylabel("modulus of continuity ω(δ)" + LOG * logarithmic)


def _draw_line_regions(axes: "Axes", panel: Panel) -> None:
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    counts = panel.arrays["counts"]
    low, high = counts.min(), counts.max()
    width = math.ceil((high - low + 1) / MOST_BARS)
    lines, edges = np.histogram(counts, np.arange(low, high + width + 1, width) - 0.5)
    axes.bar(edges[:-1] + width / 2, lines, 0.9 * width, color=BLUE)
    spare = max(width, FEWEST_BARS - (high - low)) / 2
    axes.set_xlim(max(0.0, edges[0] - spare), edges[-1] + spare)
    mean = panel.metrics["line_regions_mean"]
    axes.axvline(mean, color=ORANGE, linestyle="--", label=f"mean: {mean:.4g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("linear pieces along a line")
    axes.set_ylabel(f"lines (of {len(counts)})")


def _draw_regions(axes: "Axes", panel: Panel) -> None:
    import numpy as np

    breakpoints, slopes = panel.arrays["breakpoints"], panel.arrays["slopes"]
    name, (low, high) = panel.along
    edges = np.concatenate([[low], breakpoints, [high]])
    axes.stairs(slopes[:, 0], edges, baseline=None, color=BLUE, linewidth=1.4, label=f"pieces: {len(slopes)}")
    axes.set_xlabel(f"input {shorten(name, 20)}")
    axes.set_ylabel("slope of the " + ("first output" if slopes.shape[1] > 1 else "model"))


def _shown(axes: "Axes", x: "Floats", values: "Floats", *, logarithmic: bool) -> "Floats":
    """Scale the axis of the values, mark what it cannot show, and return the values with gaps there."""
    import numpy as np

    if logarithmic:
        axes.set_yscale("log")
    _mark(axes, x[~np.isfinite(values)], 1.0, "x", "not a finite\nnumber")
    if not logarithmic:
        return values
    _mark(axes, x[values < LEAST], 0.0, "v", "zero")
    return np.where(values < LEAST, np.nan, values)


def _mark(axes: "Axes", x: "Floats", height: float, marker: str, label: str, colour: str = BLACK) -> None:
    """Put marks at a height of the axes, 0 below and 1 above."""
    if len(x):
        place = axes.get_xaxis_transform()
        heights = [height] * len(x)
        axes.plot(x, heights, marker, color=colour, markersize=7, transform=place, clip_on=False, label=label)


def _at_least_a_decade(low: float, high: float) -> tuple[float, float]:
    """Return the limits of a logarithmic axis, so far apart that there is a tick between them."""
    if high >= DECADE * low:
        return low, high
    middle, half = math.sqrt(low) * math.sqrt(high), math.sqrt(DECADE)
    return middle / half, middle * half


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """How the arrays of a kind of probe are drawn, and which of them."""

    draw: "Callable[[Axes, Panel], None]"
    arrays: tuple[str, ...]


DRAWN = {
    "hessian-spectrum": Drawn(draw=_draw_spectrum, arrays=("density_eigenvalues", "density", "largest", "smallest")),
    "pruning-curve": Drawn(draw=_draw_pruning, arrays=("sparsities", "test_loss", "test_accuracy", "test_l2_error")),
    "modulus-of-continuity": Drawn(draw=_draw_modulus, arrays=("deltas", "modulus", "target_modulus")),
    "line-regions": Drawn(draw=_draw_line_regions, arrays=("counts",)),
    "linear-regions": Drawn(draw=_draw_regions, arrays=("breakpoints", "slopes")),
}
