"""Descent of sums of relu units towards such a sum, for normal inputs, on the expected loss in closed form.

Source: Cho and Saul 2009, NIPS, for E[relu(w x) relu(v x)] = |w| |v| (sin t + (pi - t) cos t) / (2 pi), t the angle
between w and v; Safran and Shamir 2018, arXiv:1712.08968, for the loss and its gradient. The teacher's units are
the first unit vectors.
"""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

STEPS_BETWEEN_LOOKS = 50  # after so many steps those that arrived are taken out
DIFFERENCE = 1e-4  # error of about 1e-8 in the Hessian, rounding of about 1e-12
SHORTEST = 1e-150  # of a student's unit: keeps the direction of a unit at zero from being no number


def expected_loss(students: Floats, teachers: int) -> Floats:
    """Return half of the expected squared difference (r,) between students (r, n, d) and their teacher."""
    lengths, cosines, to_teacher = _angles(students, teachers)
    pairs = _product(cosines) * lengths[:, :, None] * lengths[:, None, :]
    own = teachers * 0.5 + teachers * (teachers - 1) / (2 * math.pi)
    across = _product(to_teacher) * lengths[:, :, None]
    return np.asarray(pairs.sum(axis=(1, 2)) / 2 - across.sum(axis=(1, 2)) + own / 2)


def loss_gradient(students: Floats, teachers: int) -> Floats:
    """Return the gradient (r, n, d) of the expected loss."""
    lengths, cosines, to_teacher = _angles(students, teachers)
    sines, teacher_sines = (np.sqrt(1 - cosine * cosine) for cosine in (cosines, to_teacher))
    along = np.einsum("rij,rj->ri", sines, lengths) - teacher_sines.sum(axis=2)
    result = (along / lengths)[:, :, None] * students + (math.pi - np.arccos(cosines)) @ students
    result[:, :, :teachers] -= math.pi - np.arccos(to_teacher)
    return np.asarray(result / (2 * math.pi))


def _angles(students: Floats, teachers: int) -> tuple[Floats, Floats, Floats]:
    """Return lengths (r, n) and the cosines between students (r, n, n) and to the teacher's units (r, n, k)."""
    lengths = np.maximum(np.linalg.norm(students, axis=2), SHORTEST)
    directions = students / lengths[:, :, None]
    cosines = directions @ np.swapaxes(directions, 1, 2)
    # Rounding: two units of one direction have a cosine of 1 + 2e-16, and one unit with itself an angle of 1e-8.
    np.clip(cosines, -1.0, 1.0, out=cosines)
    cosines[:, np.arange(students.shape[1]), np.arange(students.shape[1])] = 1.0
    return lengths, cosines, np.clip(directions[:, :, :teachers], -1.0, 1.0)


def _product(cosines: Floats) -> Floats:
    """Return E[relu(w x) relu(v x)] of unit vectors with these cosines."""
    angles = np.arccos(cosines)
    return np.asarray((np.sqrt(1 - cosines * cosines) + (math.pi - angles) * cosines) / (2 * math.pi))


def descend(
    students: Floats,
    teachers: int,
    *,
    learning_rate: float,
    momentum: float,
    steps: int,
    tolerance: float,
    progress: Callable[[int, int], None],
) -> tuple[Floats, Floats]:
    """Return the students (r, n, d) after the steps, and the lengths of their gradients (r,).

    Steps are those of heavy-ball descent. A run ends where its gradient is shorter than `tolerance`, which is
    looked at every 50 steps; `progress` hears of (steps so far, steps).
    """
    ends, lengths = students.copy(), np.linalg.norm(loss_gradient(students, teachers), axis=(1, 2))
    velocities, under_way = np.zeros_like(students), np.arange(len(students))
    for first in range(0, steps, STEPS_BETWEEN_LOOKS):
        last = min(first + STEPS_BETWEEN_LOOKS, steps)
        moving, velocity = ends[under_way], velocities[under_way]
        for _ in range(first, last):
            velocity = momentum * velocity - learning_rate * loss_gradient(moving, teachers)
            moving = moving + velocity
        ends[under_way], velocities[under_way] = moving, velocity
        lengths[under_way] = np.linalg.norm(loss_gradient(moving, teachers), axis=(1, 2))
        under_way = under_way[lengths[under_way] >= tolerance]
        progress(last, steps)
        if not len(under_way):
            break
    return ends, lengths


def smallest_curvature(student: Floats, teachers: int) -> float:
    """Return the smallest eigenvalue of the Hessian at a student (n, d), by central differences of the gradient."""
    size = student.size
    moves = DIFFERENCE * np.eye(size).reshape(size, *student.shape)
    change = loss_gradient(student + moves, teachers) - loss_gradient(student - moves, teachers)
    hessian = change.reshape(size, size) / (2 * DIFFERENCE)
    return float(np.linalg.eigvalsh((hessian + hessian.T) / 2)[0])


def nearest_cosines(students: Floats, teachers: int) -> Floats:
    """Return, for each of the teacher's units, the cosine with the nearest of the students' (r, n, d): (r, k)."""
    return np.asarray(_angles(students, teachers)[2].max(axis=1, initial=-1.0))
