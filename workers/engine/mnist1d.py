"""The signals of MNIST-1D: ten templates under random dilation, scale, shift, noise and shear.

Source: Greydanus and Kobak, "Scaling down deep learning with MNIST-1D", ICML 2024, arXiv:2011.14439. The values of
the templates and the order of the steps are those of the authors' package mnist1d, release 0.0.2 (Apache-2.0);
the code is not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from workers.engine.philox import Stream, permutations

Floats = NDArray[np.float64]

DRAWN = (  # drawn by hand, one row per digit
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)
CLASSES, POINTS = len(DRAWN), len(DRAWN[0])
CORRELATION = 2.0  # standard deviation, in points, of the Gaussian that smooths the correlated noise
ROWS = 4000  # drawn at a time, a multiple of CLASSES: 2 MB an array


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a template becomes a signal; heights are in units of 6 standard deviations of the template.

    padding: least and most zeros after the template. scale_spread: width of the uniform law of the scale around 1.
    translations: number of equally likely shifts, 0 to one less, in points of the padded template. correlated_noise_sd:
    deviation, before smoothing, of the noise where the template is not. noise_sd: deviation of the noise everywhere.
    shear_spread: width of the uniform law, around 0, of the fall from the first point to the last. length: points of
    the result.
    """

    padding: tuple[int, int] = (36, 60)
    scale_spread: float = 0.4
    translations: int = 48
    correlated_noise_sd: float = 0.25
    noise_sd: float = 0.02
    shear_spread: float = 0.75
    length: int = 40


def templates() -> Floats:
    """Return the ten templates (10, 12): of deviation 1/6, beginning and ending at 0."""
    drawn = np.array(DRAWN, dtype=np.float64)
    heights = (drawn - drawn[:, :1]) / drawn.std(axis=1, keepdims=True)
    return np.asarray(heights / 6)


def signals(recipe: Recipe, stream: Stream, count: int) -> tuple[Floats, NDArray[np.int64]]:
    """Draw signals (count, length) and their digits (count,); a larger draw begins with the smaller one.

    Every ten signals in a row hold each digit once, so that all classes are equally frequent.
    """
    blocks = range(-(-count // CLASSES))
    digits = permutations(stream.child("digits"), CLASSES, np.array(blocks, dtype=np.uint64)).reshape(-1)[:count]
    found = np.empty((count, recipe.length))
    for step, first in enumerate(range(0, count, ROWS)):
        found[first : first + ROWS] = _drawn(recipe, stream, digits[first : first + ROWS], step)
    return found, digits


def _drawn(recipe: Recipe, stream: Stream, digits: NDArray[np.int64], step: int) -> Floats:
    """Return one signal (n, length) per digit (n,), from the stream's numbers of this step."""
    n, (low, high) = len(digits), recipe.padding
    zeros = low + stream.child("padding").integers(high - low + 1, n, step)
    shift = stream.child("translation").integers(recipe.translations, n, step)
    heights, inside = _padded(digits, zeros, shift, POINTS + high)
    scale = 1 + recipe.scale_spread * (stream.child("scale").uniforms(n, step) - 0.5)
    white = recipe.correlated_noise_sd * stream.child("correlated noise").normals(heights.shape, step)
    smooth = gaussian_filter1d(white, CORRELATION, axis=1)
    noise = recipe.noise_sd * stream.child("noise").normals(heights.shape, step)
    shear = recipe.shear_spread * (stream.child("shear").uniforms(n, step) - 0.5)
    slope = np.linspace(-0.5, 0.5, heights.shape[1])
    whole = np.where(inside, scale[:, None] * heights, smooth) + noise - shear[:, None] * slope
    return _sampled(whole, recipe.length)


def _padded(
    digits: NDArray[np.int64], zeros: NDArray[np.int64], shift: NDArray[np.int64], frame: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the templates, padded with zeros, stretched to `frame` points and shifted, and where they are: (n, frame).

    Point i of the frame lies at i (POINTS + zeros - 1) / (frame - 1) in the padded template. In integers, because
    a rounding error at the template's end would decide whether a point has correlated noise.
    """
    place = np.mod(np.arange(frame) - shift[:, None], frame) * (POINTS + zeros[:, None] - 1)
    left, rest = np.divmod(np.minimum(place, POINTS * (frame - 1)), frame - 1)
    ended = np.pad(templates(), ((0, 0), (0, 2)))
    low, high = ended[digits[:, None], left], ended[digits[:, None], left + 1]
    return low + (high - low) * (rest / (frame - 1)), place < POINTS * (frame - 1)


def _sampled(whole: Floats, length: int) -> Floats:
    """Return the values (n, length) at equally spaced places of signals (n, frame), by linear interpolation."""
    frame = whole.shape[1]
    left, rest = np.divmod(np.arange(length) * (frame - 1), length - 1)
    right = np.minimum(left + 1, frame - 1)
    return np.asarray(whole[:, left] + (whole[:, right] - whole[:, left]) * (rest / (length - 1)))
