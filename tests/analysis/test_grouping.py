"""Groups of runs: who belongs to which, what is chosen by which numbers, and what is counted."""

import math

from workers.analysis.aggregates import Policy, Runs, aggregate
from workers.analysis.grouping import Ending, Run, grouped


def run(width: int, seed: int, value: float | None, *, rate: float = 0.1, score: float | None = None, **more: Ending):  # type: ignore[no-untyped-def]
    """Return a run of a grid of widths, rates and seeds."""
    ending = more.get("ending", Ending.COMPLETED)
    return Run(coordinates={"width": width, "rate": rate, "seed": seed}, ending=ending, value=value, score=score)


def test_groups_stand_in_the_order_of_their_first_runs_and_hold_their_own() -> None:
    """By hand. Caught mutations: a group sorted by its name, "10" before "9"; a run in the wrong group."""
    runs = [run(9, 0, 1.0), run(10, 0, 5.0), run(9, 1, 3.0), run(10, 1, 7.0)]
    first, second = grouped(runs, group_by=["width"])
    assert (first.coordinates, second.coordinates) == ({"width": 9}, {"width": 10})
    assert (first.aggregate, second.aggregate) == (
        aggregate(Runs(completed=(1.0, 3.0))),
        aggregate(Runs(completed=(5.0, 7.0))),
    )
    assert first.tuned is None and first.n_open == 0


def test_endings_are_counted_and_none_is_dropped() -> None:
    """By hand. Caught mutations: an open run counted as failed; a completed run without the metric left uncounted."""
    runs = [
        run(9, 0, 1.0),
        run(9, 1, None),
        run(9, 2, 8.0, ending=Ending.DIVERGED),
        run(9, 3, None, ending=Ending.FAILED),
        run(9, 4, None, ending=Ending.OPEN),
    ]
    (only,) = grouped(runs, group_by=[])
    found = only.aggregate
    assert (only.coordinates, only.n_open) == ({}, 1)
    assert (found.n, found.n_failed, found.n_diverged, found.n_non_finite) == (1, 1, 1, 1)
    (worst,) = grouped(runs, group_by=[], policy=Policy.WORST)
    assert worst.aggregate.n == 4 and worst.aggregate.max == math.inf


def test_the_choice_is_made_by_the_score_and_the_report_by_the_value() -> None:
    """By hand. Caught mutations: chosen by the reported value; one choice for all groups; the report over all rates."""
    runs = [
        run(9, 0, 10.0, rate=0.1, score=1.0),
        run(9, 1, 12.0, rate=0.1, score=1.0),
        run(9, 0, 0.0, rate=0.2, score=2.0),
        run(9, 1, 0.0, rate=0.2, score=2.0),
        run(5, 0, 3.0, rate=0.1, score=9.0),
        run(5, 0, 4.0, rate=0.2, score=8.0),
    ]
    wide, narrow = grouped(runs, group_by=["width"], best_over=["rate"])
    assert wide.tuned is not None and narrow.tuned is not None
    assert (wide.tuned.chosen, wide.aggregate.values) == ({"rate": 0.1}, (10.0, 12.0))
    assert (narrow.tuned.chosen, narrow.aggregate.values) == ({"rate": 0.2}, (4.0,))
    assert [each.score for each in wide.tuned.candidates] == [1.0, 2.0]
    wide, _ = grouped(runs, group_by=["width"], best_over=["rate"], larger_is_better=True)
    assert wide.tuned is not None and wide.tuned.chosen == {"rate": 0.2}


def test_a_candidate_with_a_run_that_broke_is_not_chosen_for_the_others_luck() -> None:
    """Caught mutations: a mean over the seeds that came through; a NaN that compares as the least."""
    for broken in (
        run(9, 1, None, rate=0.1, ending=Ending.FAILED),
        run(9, 1, 5.0, rate=0.1, score=math.nan),
        run(9, 1, 5.0, rate=0.1, score=0.0, ending=Ending.DIVERGED),
    ):
        runs = [run(9, 0, 1.0, rate=0.1, score=0.0), broken, run(9, 0, 2.0, rate=0.2, score=3.0)]
        (only,) = grouped(runs, group_by=[], best_over=["rate"])
        assert only.tuned is not None and only.tuned.chosen == {"rate": 0.2}
        assert [each.score for each in only.tuned.candidates] == [math.inf, 3.0]


def test_equal_scores_choose_the_first() -> None:
    """Caught mutation: the last of equal ones, which a grid written the other way round would not choose."""
    runs = [run(9, 0, 1.0, rate=0.4, score=3.0), run(9, 0, 2.0, rate=0.2, score=3.0)]
    (only,) = grouped(runs, group_by=[], best_over=["rate"])
    assert only.tuned is not None and only.tuned.chosen == {"rate": 0.4}
