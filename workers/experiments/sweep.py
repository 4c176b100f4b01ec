"""Sweeps: a base spec and axes, expanded into cells; every cell is a spec of its own."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from workers.catalogue.problems import InvalidError, Path, Problem
from workers.experiments.axes import MOST_VALUES, Values, values_of
from workers.experiments.codec import decode, encode
from workers.experiments.spec import ExperimentSpec

MOST_CELLS = MOST_VALUES
MOST_AXES = 16
MOST_PROBLEMS = 100
SHOWN_COORDINATES = 4


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One point of the grid: path to value, and the spec that stands there."""

    number: int
    coordinates: Mapping[str, Any]
    spec: ExperimentSpec


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The axes of a sweep; those of one group advance together, the last group fastest."""

    axes: Mapping[str, Values]
    groups: tuple[tuple[str, ...], ...]

    @property
    def size(self) -> int:
        """Return the number of cells."""
        return math.prod(len(self.axes[group[0]]) for group in self.groups)

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield path to value for each cell, in the order of their numbers."""
        lengths = [range(len(self.axes[group[0]])) for group in self.groups]
        for places in product(*lengths):
            yield {
                path: self.axes[path][place] for group, place in zip(self.groups, places, strict=True) for path in group
            }

    def point(self, number: int) -> dict[str, Any]:
        """Return path to value for the cell of that number."""
        found: dict[str, Any] = {}
        for group in reversed(self.groups):
            number, place = divmod(number, len(self.axes[group[0]]))
            found = {path: self.axes[path][place] for path in group} | found
        return found


def grid_of(base: Any, axes: Any, zipped: Any = ()) -> Grid:
    """Return the grid of JSON axes; raise InvalidError, its paths those of a body with base, axes and zip."""
    problems: list[Problem] = []
    found: dict[str, Values] = {}
    seed = base.get("seed", 0) if isinstance(base, Mapping) else 0
    for path, axis in axes.items():
        try:
            found[path] = values_of(path, axis, seed)
        except InvalidError as error:
            problems += [problem.under("axes", path) for problem in error.problems]
    problems += _faults_of_paths(axes)
    groups, faults = _groups(axes, zipped)
    problems += faults
    if not problems:
        problems += _unequal(groups, found)
    if problems:
        raise InvalidError(problems)
    grid = Grid(axes=found, groups=groups)
    if grid.size > MOST_CELLS:
        detail = f"these axes make {grid.size} cells, at most {MOST_CELLS} are taken: give fewer values"
        raise InvalidError([Problem(path=("axes",), code="too-large", detail=detail)])
    return grid


def expand(base: Any, grid: Grid) -> list[Cell]:
    """Return the cells in order; raise InvalidError with the problems of all, each at its axis or in the base."""
    complete = _complete(base)
    cells: list[Cell] = []
    problems: dict[tuple[Path, str], Problem] = {}
    for number, point in enumerate(grid.points()):
        try:
            document = base
            for path, value in point.items():
                document = _with(document, path.split("."), value, complete)
            cells.append(Cell(number=number, coordinates=point, spec=decode(document)))
        except InvalidError as error:
            for problem in located(error.problems, number, point, grid):
                problems.setdefault((problem.path, problem.code), problem)
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise InvalidError(list(problems.values()))
    return cells


def located(problems: Iterable[Problem], number: int, point: Mapping[str, Any], grid: Grid) -> Iterator[Problem]:
    """Yield a cell's problems where the client can mend them: at the value of an axis, or in the base."""
    shown = [f"{path} = {value!r}"[:80] for path, value in list(point.items())[:SHOWN_COORDINATES]]
    where = f" (cell {number}: {', '.join(shown)})" if shown else ""
    for problem in problems:
        place = _place(problem.path, point, grid)
        yield Problem(
            path=place,
            code=problem.code,
            detail=problem.detail + where,
            did_you_mean=problem.did_you_mean,
            allowed=problem.allowed,
        )


def _place(path: Path, point: Mapping[str, Any], grid: Grid) -> Path:
    words = [str(part) for part in path]
    for axis in point:
        parts = axis.split(".")
        if words[: len(parts)] == parts:
            return ("axes", axis, grid.axes[axis].index(point[axis]), *path[len(parts) :])
    return ("base", *path)


def _complete(base: Any) -> Any:
    """Return the base with its defaults, where it is a spec by itself."""
    try:
        return encode(decode(base))
    except InvalidError:
        return None


def _with(document: Any, parts: Sequence[str], value: Any, complete: Any) -> Any:
    """Return the document with a value at the place; what the base leaves to a default is taken from `complete`."""
    name, *rest = parts
    if isinstance(document, str):  # a component by its bare name
        document = {"kind": document}
    if isinstance(document, list):
        if not name.isascii() or not name.isdigit() or int(name) >= len(document):
            raise InvalidError([Problem(path=(name,), detail=f"there is no item {name} in a list of {len(document)}")])
        index = int(name)
        default = complete[index] if isinstance(complete, list) and index < len(complete) else None
        inner = _within(name, document[index], rest, value, default)
        return [*document[:index], inner, *document[index + 1 :]]
    if not isinstance(document, Mapping):
        raise InvalidError([Problem(path=(name,), detail="there is nothing inside: the base has no object here")])
    default = complete.get(name) if isinstance(complete, Mapping) else None
    given = document.get(name)
    if given is None and rest != ["kind"]:  # another kind has other fields than the default one
        given = default
    return {**document, name: _within(name, given, rest, value, default)}


def _within(name: str, inner: Any, rest: Sequence[str], value: Any, default: Any) -> Any:
    if not rest:
        return value
    try:
        return _with({} if inner is None else inner, rest, value, default)
    except InvalidError as error:
        raise InvalidError([problem.under(name) for problem in error.problems]) from None


def _faults_of_paths(axes: Mapping[str, Any]) -> Iterator[Problem]:
    if len(axes) > MOST_AXES:
        yield Problem(path=("axes",), code="length", detail=f"must have at most {MOST_AXES} axes; got {len(axes)}")
    for path in axes:
        if any(not part for part in path.split(".")):
            detail = "must be names joined by dots, as in training.optimizer.learning_rate"
            yield Problem(path=("axes", path), code="path", detail=detail)
        for other in axes:
            if path.startswith(f"{other}."):
                detail = f"lies inside {other}, which is an axis too: vary one of them"
                yield Problem(path=("axes", path), code="path", detail=detail)


def _groups(axes: Mapping[str, Any], zipped: Any) -> tuple[tuple[tuple[str, ...], ...], list[Problem]]:
    """Return the axes in groups, in the order of their first members, and what is wrong with `zip`."""
    problems, group_of = [], {}
    for index, group in enumerate(zipped):
        for place, path in enumerate(group):
            where: Path = ("zip", index, place)
            if path not in axes:
                problems.append(Problem(path=where, detail=f"{path!r} is no axis", allowed=tuple(axes)))
            elif path in group_of:
                problems.append(Problem(path=where, code="duplicate", detail=f"{path!r} stands in zip twice"))
            group_of[path] = tuple(group)
    groups = dict.fromkeys(group_of.get(path, (path,)) for path in axes)
    return tuple(groups), problems


def _unequal(groups: Iterable[tuple[str, ...]], axes: Mapping[str, Values]) -> Iterator[Problem]:
    for group in groups:
        lengths = {path: len(axes[path]) for path in group}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{path} has {length}" for path, length in lengths.items())
            detail = f"axes that advance together need as many values: {told}"
            yield Problem(path=("zip",), code="length", detail=detail)
