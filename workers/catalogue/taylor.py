"""Taylor coefficients of activations, which decide what sums of units can multiply."""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

Coefficients = list[float]


def taylor_coefficients(activation: str, centre: float, order: int) -> Coefficients | None:
    """Return c[0] .. c[order] with s(centre + h) = sum of c[k] h**k; None for an activation with a kink."""
    series = SERIES.get(activation)
    return series(centre, order) if series is not None else None


def _exp(centre: float, order: int) -> Coefficients:
    return [math.exp(centre) / math.factorial(k) for k in range(order + 1)]


def _sine(centre: float, order: int) -> Coefficients:
    # The derivatives of the sine, exactly: sin(centre + k pi / 2) would be 1e-16 where the k-th one vanishes.
    turn = (math.sin(centre), math.cos(centre), -math.sin(centre), -math.cos(centre))
    return [turn[k % 4] / math.factorial(k) for k in range(order + 1)]


def _square(centre: float, order: int) -> Coefficients:
    return [*(centre * centre, 2 * centre, 1.0)[: order + 1], *[0.0] * (order - 2)]


def _tanh(centre: float, order: int) -> Coefficients:
    """Solve t' = 1 - t**2."""
    found = [math.tanh(centre)]
    for k in range(order):
        found.append(((k == 0) - _square_at(found, k)) / (k + 1))
    return found


def _sigmoid(centre: float, order: int) -> Coefficients:
    """Solve s' = s - s**2."""
    found = [1 / (1 + math.exp(-centre))]
    for k in range(order):
        found.append((found[k] - _square_at(found, k)) / (k + 1))
    return found


def _softplus(centre: float, order: int) -> Coefficients:
    """Integrate the sigmoid."""
    slopes = _sigmoid(centre, order)
    value = max(centre, 0.0) + math.log1p(math.exp(-abs(centre)))
    return [value, *(slopes[k] / (k + 1) for k in range(order))]


def _silu(centre: float, order: int) -> Coefficients:
    """Multiply the sigmoid by centre + h."""
    return _times_argument(_sigmoid(centre, order), centre)


def _gelu(centre: float, order: int) -> Coefficients:
    """Multiply the normal distribution function by centre + h; its density solves f' = -(centre + h) f."""
    density = [math.exp(-centre * centre / 2) / math.sqrt(2 * math.pi)]
    for k in range(order):
        density.append(-(centre * density[k] + (density[k - 1] if k else 0.0)) / (k + 1))
    distribution = [math.erfc(-centre / math.sqrt(2)) / 2, *(density[k] / (k + 1) for k in range(order))]
    return _times_argument(distribution, centre)


def _times_argument(found: Coefficients, centre: float) -> Coefficients:
    return [centre * c + (found[k - 1] if k else 0.0) for k, c in enumerate(found)]


def _square_at(found: Coefficients, k: int) -> float:
    """Return coefficient k of the square of the series, which needs no later one."""
    return sum(found[i] * found[k - i] for i in range(k + 1))


SERIES: Mapping[str, Callable[[float, int], Coefficients]] = MappingProxyType(
    {
        "exp": _exp,
        "sine": _sine,
        "square": _square,
        "tanh": _tanh,
        "sigmoid": _sigmoid,
        "softplus": _softplus,
        "silu": _silu,
        "gelu": _gelu,
    }
)
