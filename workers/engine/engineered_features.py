"""Features of signals and images that were thought out, and a ridge regression that chooses its own penalty."""

from typing import TYPE_CHECKING, Any

import numpy as np

from workers.engine.philox import Stream

if TYPE_CHECKING:
    from workers.catalogue.values import Floats, State

ORIENTATIONS = 9  # of gradients over half a turn (Dalal and Triggs 2005)
PENALTIES = np.logspace(-6, 3, 19)  # per sample, on standardised features
ROWS = 2**21  # numbers of filtered signals at a time: 16 MB


def framed(inputs: "Floats", axes: int) -> "Floats":
    """Return inputs (n, d) as lines (n, d) or squares (n, side, side)."""
    side = round(inputs.shape[1] ** (1 / axes))
    return inputs.reshape(len(inputs), *(side,) * axes)


def spectrum(frames: "Floats") -> "Floats":
    """Return the magnitudes of the discrete Fourier transform: unchanged by cyclic shifts."""
    axes = tuple(range(1, frames.ndim))
    return np.asarray(np.abs(np.fft.rfftn(frames, axes=axes)).reshape(len(frames), -1))


def gradient_histograms(frames: "Floats", cell: int) -> "Floats":
    """Return, for every cell of `cell` positions a side, how much the signal changes in each direction.

    On a line the rises and the falls; on a square the gradients' magnitudes, shared linearly between the two nearest
    of 9 orientations over half a turn. Each sample's histograms are divided by their norm.
    """
    # Central differences, the ends repeated; the mirrored end would make a gradient of its own.
    padded = np.pad(frames, [(0, 0), *[(1, 1)] * (frames.ndim - 1)], mode="edge")
    if frames.ndim == 2:
        slope = (padded[:, 2:] - padded[:, :-2]) / 2
        channels = np.stack([np.maximum(slope, 0), np.maximum(-slope, 0)], axis=1)
    else:
        down = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / 2
        right = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / 2
        channels = _orientations(down, right)
    histograms = _in_cells(channels, cell).reshape(len(frames), -1)
    norm = np.linalg.norm(histograms, axis=1, keepdims=True)
    return histograms / np.where(norm > 0, norm, 1.0)


def _orientations(down: "Floats", right: "Floats") -> "Floats":
    """Return the magnitudes (n, 9, side, side) of gradients at their two nearest orientations."""
    magnitude = np.hypot(down, right)
    place = np.mod(np.arctan2(down, right), np.pi) / np.pi * ORIENTATIONS
    low = np.floor(place)
    channels = np.zeros((len(down), ORIENTATIONS, *down.shape[1:]))
    for index, weight in ((low, 1 - (place - low)), (low + 1, place - low)):
        chosen = (np.mod(index, ORIENTATIONS).astype(np.int64))[:, None]
        held = np.take_along_axis(channels, chosen, axis=1)
        np.put_along_axis(channels, chosen, held + (weight * magnitude)[:, None], axis=1)
    return channels


def _in_cells(channels: "Floats", cell: int) -> "Floats":
    """Return the sums (n, c, cells, ...) of channels (n, c, side, ...); the last cell of an axis may be smaller."""
    for axis in range(2, channels.ndim):
        channels = np.add.reduceat(channels, np.arange(0, channels.shape[axis], cell), axis=axis)
    return channels


def random_kernels(stream: Stream, filters: int, width: int, axes: int, side: int) -> "State":
    """Draw kernels as ROCKET does: kernels (filters, width, ...), their biases and dilations (filters,).

    Weights are standard normal, less their mean; biases uniform in [-1, 1]; dilations 2**u with u uniform up to the
    largest that keeps a kernel within the frame, rounded down.
    """
    kernels = stream.child("kernels").normals((filters, *(width,) * axes))
    kernels = kernels - kernels.mean(axis=tuple(range(1, axes + 1)), keepdims=True)
    most = np.log2(max(1.0, (side - 1) / max(1, width - 1)))
    dilations = np.floor(2 ** (most * stream.child("dilations").uniforms(filters))).astype(np.int64)
    return {"kernels": kernels, "biases": 2 * stream.child("biases").uniforms(filters) - 1, "dilations": dilations}


def random_convolutions(frames: "Floats", state: "State") -> "Floats":
    """Return the largest value of each filtered frame, and the share of its positions above 0: (n, 2 filters)."""
    found = np.empty((len(frames), 2, len(state["kernels"])))
    for dilation in np.unique(state["dilations"]):
        chosen = np.flatnonzero(state["dilations"] == dilation)
        numbers = frames[0].size * (len(chosen) + state["kernels"][0].size)
        rows = max(1, ROWS // numbers)
        for start in range(0, len(frames), rows):
            part = slice(start, start + rows)
            filtered = _filtered(frames[part], state["kernels"][chosen], int(dilation)) + state["biases"][chosen]
            found[part, 0, chosen] = filtered.max(axis=1)
            found[part, 1, chosen] = (filtered > 0).mean(axis=1)
    return found.reshape(len(frames), -1)


def _filtered(frames: "Floats", kernels: "Floats", dilation: int) -> "Floats":
    """Return frames (n, side, ...) under kernels (f, width, ...): (n, positions, f), beyond the ends zeros."""
    axes, width = frames.ndim - 1, kernels.shape[1]
    reach = (width - 1) * dilation
    padded = np.pad(frames, [(0, 0), *[(reach // 2, reach - reach // 2)] * axes])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (reach + 1,) * axes, axis=tuple(range(1, axes + 1)))
    dilated: Any = (..., *[slice(None, None, dilation)] * axes)
    windows = np.asarray(windows[dilated])
    flat = windows.reshape(len(frames), -1, width**axes)
    return np.asarray(flat @ kernels.reshape(len(kernels), -1).T)


def ridge(features: "Floats", answers: "Floats") -> "tuple[Floats, Floats, float]":
    """Return coefficients (f, m), intercept (m,) and the penalty per sample with the least leave-one-out error."""
    n, mean, middle = len(features), features.mean(axis=0), answers.mean(axis=0)
    u, s, vt = np.linalg.svd(features - mean, full_matrices=False)
    best = float(PENALTIES[int(np.argmin(left_out_errors(u, s, answers - middle)))])
    coefficients = vt.T @ ((s / (np.square(s) + n * best))[:, None] * (u.T @ (answers - middle)))
    return coefficients, middle - mean @ coefficients, best


def left_out_errors(u: "Floats", s: "Floats", answers: "Floats") -> "Floats":
    """Return the mean squared error on samples left out one by one, for each of the penalties.

    u (n, k) and s (k,) are of the centred features, answers (n, m) are centred. The error of sample i is its residual
    over 1 - h_i - 1/n, h the diagonal of the penalised projection (Allen 1974) and 1/n the intercept's share.
    """
    n, errors = len(u), []
    for penalty in PENALTIES:
        kept = np.square(s) / (np.square(s) + n * penalty)
        leverage = np.square(u) @ kept + 1 / n
        residual = answers - (u * kept) @ (u.T @ answers)
        errors.append(float(np.mean(np.square(residual / np.maximum(1 - leverage, 1e-12)[:, None]))))
    return np.array(errors)
