"""Experiments of every sort, and what filters and orders mean, said once more in plain Python."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from tests.builders import spec_json
from tests.database.scene import Scene, curve
from workers.database.models import ExperimentRow
from workers.database.values import ExperimentView
from workers.experiments.filtering.syntax import And, Comparison, Has, Node, Not, Or, Presence
from workers.experiments.lifecycle import Status
from workers.experiments.measurement import Measurement

NAN, INF = math.nan, math.inf
# name of a metric to its values over steps: finite, NaN, infinite, and NaN at one end only
CURVES: Sequence[dict[str, tuple[float, ...]]] = (
    {"loss": (3.0, 1.0, 2.0)},
    {"loss": (3.0, 1.0), "gap": (0.5,)},
    {"loss": (1.0, NAN)},
    {"loss": (NAN,)},
    {"loss": (INF,), "gap": (-INF,)},
    {"loss": (-INF, 0.0), "gap": (0.25, 0.5)},
    {"loss": (2.0, INF), "gap": (NAN,)},
    {"gap": (-INF,), "loss": (-0.0,)},
    {},
)
CONFIG: Sequence[dict[str, Any]] = (
    {"lr": 0.1, "name": "a", "deep": {"list": [1, {"x": True}], "0": "zero"}, "big": 2**53 + 1},
    {"lr": "0.1", "name": "é", "deep": {"list": [], "null": None}, "big": 9007199254740992.0},
    {"lr": 1, "name": "", "flag": False},
)
KINDS = ("sine-sum", "step")


def fill(scene: Scene) -> list[ExperimentView]:
    """Store experiments that differ in everything that can be asked, and return them oldest first."""
    ids = []
    for number, values in enumerate(CURVES):
        spec = spec_json(
            target={"kind": KINDS[number % 2]},
            architecture={"width": 2 + number % 3},
            seed=number % 4,
            training={
                "optimizer": {"kind": "adam" if number % 2 else "sgd", "learning_rate": 10.0 ** -(number % 3 + 1)}
            },
            dtype="float64" if number % 5 == 0 else "float32",
        )
        claimed = scene.running(spec=spec, tags=tags_of(number), metadata=metadata_of(number), name=name_of(number))
        curves = tuple(curve(name, *points) for name, points in values.items())
        scene.finish(claimed, Measurement(curves=curves))
        ids.append(claimed.id)
    for status in (Status.FAILED, Status.CANCELLED, Status.RUNNING):
        ids.append(scene.bring_to(status, name="b", spec=spec_json(seed=2**63 - 1)).id)
    for number, config in enumerate(CONFIG):
        metrics = {"loss": float(number), "val/acc": 0.5, "loss.last": 7.0}
        recorded = {"type": "recorded", "config": config, "metrics": metrics, "seed": number}
        ids.append(scene.submit(spec=recorded, tags=tags_of(number)))
    ids.append(scene.submit(spec={"type": "simulation", "simulation": {"kind": "goe-eigenvalues"}, "seed": 7}))
    ids.append(scene.submit(name="B", metadata={"owner": "o'neil"}))
    return [scene.view(each) for each in ids]


def tags_of(number: int) -> tuple[str, ...]:
    """Return tags, none for every third."""
    return ((), ("smoke",), ("smoke", "a%b", "ü"))[number % 3]


def metadata_of(number: int) -> dict[str, str]:
    """Return metadata with keys that are no words."""
    return ({}, {"owner": "ada", 'say "hi"': "1"}, {"owner": "", "ключ": "да"})[number % 3]


def name_of(number: int) -> str | None:
    """Return names that sort differently by bytes and by language."""
    return (None, "a", "B", "ä", "%", "a" * 100)[number % 6]


def columns(scene: Scene) -> dict[str, ExperimentRow]:
    """Return the rows by id, for what no view shows."""
    with scene.database.read() as session:
        return {row.id: row for row in session.scalars(select(ExperimentRow))}


class Evaluator:
    """Filters by three values of truth, over the views and what their specs say."""

    def __init__(self, scene: Scene) -> None:
        self.rows = columns(scene)

    def truth(self, node: Node, view: ExperimentView) -> bool | None:
        """Return True, False, or None where nothing can be said."""
        match node:
            case And() | Or():
                truths = [self.truth(term, view) for term in node.terms]
                deciding = not isinstance(node, And)
                if deciding in truths:
                    return deciding
                return None if None in truths else not deciding
            case Not():
                truth = self.truth(node.term, view)
                return None if truth is None else not truth
            case Has():
                return any(each.value in view.tags for each in node.values)
            case Presence():
                return self.is_there(node.name.path, view)
            case Comparison():
                return self.compared(node, view)

    def is_there(self, path: tuple[Any, ...], view: ExperimentView) -> bool:
        """Say whether there is a value."""
        if path == ("tags",):
            return bool(view.tags)
        if path[0] == "metrics" and (len(path) == 2 or path[-1] not in PARTS):
            return ".".join(path[1:]) in view.metrics and view.status.is_terminal
        return self.value(path, view) is not None

    def compared(self, node: Comparison, view: ExperimentView) -> bool | None:
        """Compare as Python does, after a look at the types."""
        found = self.value(node.name.path, view)
        wanted = [each.value for each in node.values]
        if wanted == [None]:
            return (found is None) is (node.operator == "=")
        truths = [None if found is None else _compare(found, node.operator, each) for each in wanted]
        if True in truths:
            return True
        return None if None in truths else False

    def value(self, path: tuple[Any, ...], view: ExperimentView) -> Any:
        """Return the value of a field, None where it is missing or NaN."""
        if path[0] == "metrics":
            return _number(view, ".".join(map(str, path[1:-1])), path[-1])
        if path[0] == "metadata":
            return view.metadata.get(".".join(map(str, path[1:])))
        if path[0] in ("spec", "config"):
            return _inside(view.spec, path if path[0] == "config" else path[1:])
        row = self.rows[view.id]
        return ATTRIBUTES[".".join(path)](row)


PARTS = ("first", "last", "min", "max", "mean", "n", "argmin_step")
ATTRIBUTES: dict[str, Any] = {
    "status": lambda row: row.status.value,
    "outcome": lambda row: row.outcome,
    "type": lambda row: row.type,
    "dtype": lambda row: row.dtype,
    "name": lambda row: row.name,
    "id": lambda row: row.id,
    "verified": lambda row: row.verified,
    "created_at": lambda row: row.created_at,
    "started_at": lambda row: row.started_at,
    "finished_at": lambda row: row.finished_at,
    "seed": lambda row: row.seed,
    "parameters": lambda row: row.parameters,
    "target.kind": lambda row: row.target_kind,
    "architecture.kind": lambda row: row.architecture_kind,
    "architecture.width": lambda row: row.width,
    "training.optimizer.learning_rate": lambda row: row.learning_rate,
    "sweep": lambda row: row.sweep_id,
}


def _number(view: ExperimentView, metric: str, part: str) -> float | int | None:
    summary = view.metrics.get(metric) if view.status.is_terminal else None
    value = getattr(summary, part, None)
    return None if value is None or math.isnan(value) else value


def _inside(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and part < len(value) else None
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def _compare(found: Any, operator: str, wanted: Any) -> bool | None:
    if isinstance(found, datetime):
        wanted = datetime.fromisoformat(wanted).astimezone(UTC)
    elif _sort(found) is not _sort(wanted):
        return None
    return {
        "=": lambda: found == wanted,
        "!=": lambda: found != wanted,
        "<": lambda: found < wanted,
        "<=": lambda: found <= wanted,
        ">": lambda: found > wanted,
        ">=": lambda: found >= wanted,
    }[operator]()  # type: ignore[no-any-return]


def _sort(value: Any) -> type:
    return (
        bool
        if isinstance(value, bool)
        else str
        if isinstance(value, str)
        else float
        if isinstance(value, int | float)
        else dict
    )
