"""Segments: where they begin and end."""

import numpy as np

from workers.engine.philox import Purpose, Stream
from workers.engine.segments import between_points, chords

STREAM = Stream(seed=1, purpose=Purpose.PROBE)
BOX = [(-1.0, 3.0), (10.0, 11.0), (-5.0, 5.0)]


def test_a_chord_goes_from_face_to_face_through_the_box() -> None:
    """Each end has a coordinate on its bound, and the middle none. Mutation: stop at the drawn points."""
    starts, ends = chords(BOX, 200, STREAM)
    low, high = np.array(BOX).T
    for points in (starts, ends):
        assert points.shape == (200, 3) and (points >= low).all() and (points <= high).all()
        share = np.abs(np.stack([points - low, high - points])) / (high - low)
        assert (share.min(axis=(0, 2)) < 1e-12).all()  # rounding of the place
    middle = (starts + ends) / 2
    assert (middle > low).all() and (middle < high).all()


def test_chords_pass_through_points_that_fill_the_box() -> None:
    """The chord of two uniform points: some pass far from the centre. Mutation: all lines through the centre."""
    starts, ends = chords([(-1.0, 1.0)] * 2, 500, STREAM)
    along = (ends - starts) / np.linalg.norm(ends - starts, axis=1, keepdims=True)
    distance = np.abs(starts[:, 0] * along[:, 1] - starts[:, 1] * along[:, 0])
    assert np.sum(distance < 0.1) > 20 and np.sum(distance > 0.7) > 20


def test_in_one_dimension_the_only_chord_is_the_interval() -> None:
    """Mutation: as many copies as lines were asked for."""
    starts, ends = chords([(2.0, 5.0)], 100, STREAM)
    assert starts.tolist() == [[2.0]] and ends.tolist() == [[5.0]]


def test_a_segment_joins_two_different_points() -> None:
    """Each ordered pair of 3 points comes up about 100 times of 600. Mutation: the end drawn like the start."""
    points = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    starts, ends = between_points(points, 600, STREAM)
    pairs, counts = np.unique(np.c_[starts[:, 0], ends[:, 0]] / 2, axis=0, return_counts=True)
    assert pairs.tolist() == [[i, j] for i in range(3) for j in range(3) if i != j]
    assert counts.min() > 50  # 5 standard deviations of a count of mean 100
    assert np.array_equal(starts[:, 1] - starts[:, 0], np.ones(600)), "rows stay whole"


def test_more_segments_begin_with_the_fewer() -> None:
    """So that a larger number refines the same measurement. Mutation: the number in the stream's label."""
    for few, many in (
        (chords(BOX, 5, STREAM), chords(BOX, 50, STREAM)),
        (between_points(np.eye(4), 5, STREAM), between_points(np.eye(4), 50, STREAM)),
    ):
        assert np.array_equal(few[0], many[0][:5]) and np.array_equal(few[1], many[1][:5])
