"""Reading what a URL names, or answering that it does not exist."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from service.context import context
from service.problems import ProblemError
from workers.database import queries
from workers.database.values import ArtifactView, ExperimentView

T = TypeVar("T")


def experiment_or_404(experiment_id: str) -> ExperimentView:
    """Return the experiment; raise ProblemError when the project has none of this id."""
    with context().database.read() as session:
        return _found(queries.experiment(session, context().project_id, experiment_id), "experiment", experiment_id)


def of_experiment(experiment_id: str, question: Callable[[Session], T]) -> T:
    """Return what the question finds about the experiment; raise ProblemError when there is no such experiment."""
    with context().database.read() as session:
        _found(queries.version_of(session, context().project_id, experiment_id), "experiment", experiment_id)
        return question(session)


def artifact_or_404(artifact_id: str) -> ArtifactView:
    """Return the artifact; raise ProblemError when the project has none of this id."""
    with context().database.read() as session:
        return _found(queries.artifact(session, context().project_id, artifact_id), "artifact", artifact_id)


def _found(value: T | None, noun: str, identifier: str) -> T:
    if value is None:
        raise ProblemError("not-found", f"There is no {noun} {identifier}.")
    return value
