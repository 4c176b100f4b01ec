"""From a drawing function to the bytes of a picture: the same input gives the same bytes."""

import io
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Format = Literal["svg", "png"]
MEDIA_TYPES: dict[Format, str] = {"svg": "image/svg+xml", "png": "image/png"}

# Okabe and Ito's palette, which the colour-blind can tell apart (jfly.uni-koeln.de/color).
BLACK, BLUE, ORANGE, GREEN, GREY = "#000000", "#0072B2", "#D55E00", "#009E73", "#767676"

STYLE: dict[str, Any] = {
    "svg.hashsalt": "whydeep",  # names inside the file would be random otherwise
    "svg.fonttype": "path",  # the same letters on every machine
    "font.family": "DejaVu Sans",  # ships with matplotlib
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
# Matplotlib's settings belong to the process, and views run in threads.
_lock = threading.Lock()


def render(draw: "Callable[[Figure], None]", form: Format, *, inches: tuple[float, float] = (7.0, 4.2)) -> bytes:
    """Return the picture that `draw` puts on an empty figure."""
    import matplotlib
    from matplotlib.figure import Figure

    metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    file = io.BytesIO()
    with _lock, matplotlib.rc_context(cast(Any, STYLE)):
        figure = Figure(figsize=inches, dpi=120, layout="constrained")
        draw(figure)
        figure.savefig(file, format=form, metadata=metadata)
    return file.getvalue()


def shorten(text: str, most: int = 70) -> str:
    """Return the text without line breaks, at most so long; `$` is no mathematics here."""
    flat = " ".join(text.split())
    return (flat if len(flat) <= most else flat[: most - 1] + "…").replace("$", r"\$")


def legend(axes: "Axes", **options: Any) -> None:
    """Draw a legend when there is anything to tell apart."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**options)
