"""A model against its target, for one and for two inputs."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from service.plots.drawing import BLACK, BLUE, GREY, ORANGE, Format, render, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

    from workers.catalogue.values import Floats


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Points (n, 1) or (n, 2), a model's outputs there (n,) and the truth (n,); `regular` says they fill a grid."""

    inputs: "Floats"
    outputs: "Floats"
    truth: "Floats"
    names: tuple[str, ...]
    title: str
    subtitle: str = ""
    regular: bool

    @property
    def heading(self) -> str:
        """Return the title, and below it what must be known to read the picture rightly."""
        return shorten(self.title) + (f"\n{self.subtitle}" if self.subtitle else "")


def fit_plot(fit: Fit, form: Format) -> bytes:
    """Return the picture: curves above their difference for one input, three maps for two."""
    if fit.inputs.shape[1] == 1:
        return render(partial(_draw_line, fit=fit), form, inches=(7.0, 5.2))
    return render(partial(_draw_maps, fit=fit), form, inches=(11.0, 3.9))


def _draw_line(figure: "Figure", fit: Fit) -> None:
    import numpy as np

    order = np.argsort(fit.inputs[:, 0], kind="stable")
    x, outputs, truth = fit.inputs[order, 0], fit.outputs[order], fit.truth[order]
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    if fit.regular:
        above.plot(x, truth, color=BLACK, linewidth=3.2, alpha=0.35, label="target")
    else:
        above.plot(x, truth, ".", color=GREY, markersize=4, label="data (test samples)")
    above.plot(x, outputs, color=BLUE, label="model")
    above.set_ylabel("output")
    above.set_title(fit.heading)
    figure.legend(loc="outside lower right", ncols=2)
    below.axhline(0.0, color=GREY, linewidth=0.8)
    below.plot(x, outputs - truth, "-" if fit.regular else ".", color=ORANGE, linewidth=1.2, markersize=4)
    below.set_ylabel("model − target")
    below.set_xlabel(f"input {shorten(fit.names[0], 20)}")
    above.set_xmargin(0.01)
    below.set_xmargin(0.01)


def _draw_maps(figure: "Figure", fit: Fit) -> None:
    import numpy as np

    left, middle, right = figure.subplots(1, 3, sharex=True, sharey=True)
    values = np.concatenate([fit.truth, fit.outputs])
    values = values[np.isfinite(values)]
    bounds = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    error = fit.outputs - fit.truth
    finite = np.abs(error[np.isfinite(error)])
    largest = (finite.max() if len(finite) else 0.0) or 1.0
    shown = _draw_map(left, fit, fit.truth, "viridis", bounds)
    _draw_map(middle, fit, fit.outputs, "viridis", bounds)
    figure.colorbar(shown, ax=[left, middle], label="output", shrink=0.9)
    figure.colorbar(
        _draw_map(right, fit, error, "PuOr", (-largest, largest)), ax=right, label="model − target", shrink=0.9
    )
    for axes, name in ((left, "target"), (middle, "model"), (right, "error")):
        axes.set_title(name)
        axes.set_xlabel(f"input {shorten(fit.names[0], 20)}")
    left.set_ylabel(f"input {shorten(fit.names[1], 20)}")
    figure.suptitle(fit.heading, x=0.01, ha="left", fontsize=11)


def _draw_map(axes: "Axes", fit: Fit, values: "Floats", colours: str, bounds: tuple[float, float]) -> "ScalarMappable":
    import numpy as np

    axes.grid(False)
    first, second = (np.unique(fit.inputs[:, column]) for column in (0, 1))
    scale: dict[str, Any] = {"cmap": colours, "vmin": bounds[0], "vmax": bounds[1]}
    if len(first) * len(second) != len(values):  # scattered samples, not a grid
        return axes.scatter(fit.inputs[:, 0], fit.inputs[:, 1], c=values, s=8, **scale)
    order = np.lexsort((fit.inputs[:, 0], fit.inputs[:, 1]))
    picture = values[order].reshape(len(second), len(first))
    return axes.pcolormesh(first, second, picture, shading="nearest", rasterized=True, **scale)
