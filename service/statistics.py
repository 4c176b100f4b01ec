"""Statistics of a sweep: its cells to runs, the axes to groups, and what a client asked wrongly."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from service.context import Context
from service.filtering import metric_part_from
from service.problems import invalid_parameters
from service.sweeps import grid_of_plan
from workers.analysis.aggregates import Policy
from workers.analysis.fits import Model, fit_groups
from workers.analysis.grouping import Ending, GroupedRuns, Run, grouped
from workers.analysis.inputs import inputs_hash
from workers.analysis.points import Group
from workers.analysis.regression import Fit
from workers.catalogue.problems import Problem, nearest
from workers.database import sweeps
from workers.database.sweep_values import CellOutcome, SweepView
from workers.experiments.axes import SEEDS
from workers.experiments.filtering.fields import Field
from workers.experiments.lifecycle import Outcome, Status
from workers.experiments.sweep import Grid


def aggregated(context: Context, view: SweepView, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of an aggregate's reply; raise ProblemError for parameters that do not fit the sweep."""
    grid = grid_of_plan(view.plan)
    metric, score = metric_part_from(query["metric"], "metric"), None
    if query["best_by"] is not None:
        score = metric_part_from(query["best_by"], "best_by")
    asked = {**query, "over": query["over"] or tuple(path for path in grid.axes if path in SEEDS)}
    problems = [*_axis_problems(grid, asked), *_tuning_problems(metric, score, asked), *_fit_problems(grid, asked)]
    if problems:
        raise invalid_parameters(problems)
    names = [field.metric for field in (metric, score) if field is not None and field.metric is not None]
    with context.database.read() as session:
        cells = sweeps.outcomes(session, view.id, names)
        unknown = {name for name in names if not any(name in cell.metrics for cell in cells)}
        known = sweeps.metric_names(session, view.id) if unknown else names
    _refuse_unknown(names, known)
    runs = [_run(grid, cell, metric, score) for cell in cells]
    groups = grouped(
        runs,
        group_by=asked["group_by"],
        best_over=asked["best_over"],
        larger_is_better=asked["best"] == "max",
        policy=Policy(asked["policy"]),
        level=asked["ci"],
    )
    fit = _fitted(groups, asked) if asked["fit"] is not None else None
    shown = {name: asked[name] for name in ("metric", "group_by", "over", "best_over")}
    return {
        "sweep": view.id,
        **shown,
        "groups": [_group(each) for each in groups],
        "fit": fit and asdict(fit),
        "inputs_hash": inputs_hash(_inputs(asked, runs)),
    }


def _axis_problems(grid: Grid, asked: Mapping[str, Any]) -> Iterator[Problem]:
    used: dict[str, str] = {}
    for parameter in ("group_by", "over", "best_over"):
        for path in asked[parameter]:
            if path not in grid.axes:
                hint = nearest(path, grid.axes)
                detail = f"{path!r} is no axis of this sweep" + (f"; did you mean {hint!r}?" if hint else "")
                allowed = tuple(grid.axes)
                yield Problem(path=(parameter,), code="axis", detail=detail, did_you_mean=hint, allowed=allowed)
            elif path in used:
                yield Problem(path=(parameter,), code="axis", detail=f"{path!r} stands in {used[path]} already")
            used[path] = parameter
    left = [group for group in grid.groups if not set(group) & used.keys()]
    for group in left:
        detail = (
            f"{group[0]} varies too: name it in group_by, in over (its values are replicates) or in best_over (the "
            "best of its values is taken)"
        )
        yield Problem(path=("group_by",), code="axis", detail=detail)


def _tuning_problems(metric: Field, score: Field | None, asked: Mapping[str, Any]) -> Iterator[Problem]:
    if bool(asked["best_over"]) != (score is not None):
        missing = "best_by" if asked["best_over"] else "best_over"
        yield Problem(path=(missing,), code="required", detail="best_over and best_by are given together")
    if score is not None and (score.metric == metric.metric or str(score.metric).startswith("test_")):
        detail = "must be measured on other data than what is reported: choose by a metric of the validation samples"
        yield Problem(path=("best_by",), code="tuning", detail=detail)


def _fit_problems(grid: Grid, asked: Mapping[str, Any]) -> Iterator[Problem]:
    if asked["fit"] is None:
        if asked["floor"] is not None:
            yield Problem(path=("floor",), detail="belongs to a fit: give fit, or leave it out")
        return
    numeric = [path for path in asked["group_by"] if path in grid.axes and all(map(_is_number, grid.axes[path]))]
    if len(asked["group_by"]) != 1 or not numeric:
        yield Problem(path=("fit",), detail="needs one axis of numbers in group_by")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse_unknown(names: Sequence[str], known: Sequence[str]) -> None:
    """Raise ProblemError for a metric that no cell has, once some have any."""
    for parameter, name in zip(("metric", "best_by"), names, strict=False):
        if known and name not in known:
            hint = nearest(name, known)
            detail = f"no cell has a metric {name!r}" + (f"; did you mean {hint!r}?" if hint else "")
            allowed = tuple(known)
            problem = Problem(path=(parameter,), code="metric", detail=detail, did_you_mean=hint, allowed=allowed)
            raise invalid_parameters([problem])


def _run(grid: Grid, cell: CellOutcome, metric: Field, score: Field | None) -> Run:
    return Run(
        coordinates=grid.point(cell.number),
        ending=_ending(cell),
        value=_part(cell, metric),
        score=None if score is None else _part(cell, score),
    )


def _ending(cell: CellOutcome) -> Ending:
    if cell.status is None or cell.status in (Status.FAILED, Status.CANCELLED):
        return Ending.FAILED
    if cell.status is not Status.SUCCEEDED:
        return Ending.OPEN
    return Ending.DIVERGED if cell.outcome is Outcome.DIVERGED else Ending.COMPLETED


def _part(cell: CellOutcome, field: Field) -> float | None:
    summary = cell.metrics.get(str(field.metric))
    found = None if summary is None else getattr(summary, str(field.part))
    return None if found is None else float(found)


def _fitted(groups: Iterable[GroupedRuns], asked: Mapping[str, Any]) -> Fit:
    (path,) = asked["group_by"]
    points = [Group(x=group.coordinates[path], values=group.aggregate.values) for group in groups]
    return fit_groups(points, Model(asked["fit"]), floor=asked["floor"], level=asked["ci"])


def _group(group: GroupedRuns) -> dict[str, Any]:
    tuned = None if group.tuned is None else asdict(group.tuned)
    return {"coordinates": group.coordinates, "n_open": group.n_open, **asdict(group.aggregate), "tuned": tuned}


def _inputs(asked: Mapping[str, Any], runs: Sequence[Run]) -> list[Any]:
    return [dict(asked), [[each.coordinates, each.ending.value, each.value, each.score] for each in runs]]
