"""What is stored of a submission, and what a repeated request gets."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.builders import new_experiment, spec_json
from tests.database.scene import Scene, curve
from workers.database import chores, queries, results, submissions
from workers.database.models import ExperimentRow
from workers.database.submissions import KeyReusedError
from workers.database.values import StoredReply
from workers.experiments.codec import encode, spec_hash
from workers.experiments.lifecycle import Outcome, Status, StatusReason
from workers.experiments.measurement import MetricSummary

REQUEST = {"key": "k", "method": "POST", "path": "/v1/experiments", "body_hash": "sha256:1"}
REPLY = StoredReply(status=202, body='{"é": 1}', headers={"Location": "/there"})


def test_a_submission_shows_what_was_given(scene: Scene) -> None:
    """Caught when mutated: any of the members dropped on the way in or out."""
    new = new_experiment(
        name="sine", tags=("b", "a", "b"), metadata={"who": "é"}, priority=2, created_by="key_1", rerun_of="exp_0"
    )
    experiment_id = scene.write(submissions.submit, new, project_id=scene.project_id, now=scene.tick())
    view = scene.view(experiment_id)
    assert (view.name, view.tags, view.metadata, view.priority) == ("sine", ("a", "b"), {"who": "é"}, 2)
    assert (view.status, view.status_reason, view.version) == (Status.QUEUED, StatusReason.NONE, 1)
    assert (view.created_at, view.queued_at, view.started_at, view.finished_at) == (scene.now, scene.now, None, None)
    assert (view.created_by, view.rerun_of, view.reused, view.verified) == ("key_1", "exp_0", False, True)
    assert view.spec == encode(new.spec)
    assert view.spec_hash == spec_hash(new.spec)
    assert (view.attempt, view.metrics, view.progress, view.cancelling) == (None, {}, None, False)
    assert experiment_id.startswith("exp_")


def test_what_people_filter_by_has_columns(scene: Scene) -> None:
    """Expected by hand: 1 input, hidden layers of 5 and 3, 1 output: 10 + 18 + 4 = 32 parameters.

    Caught when mutated: width or depth of the first layer only; a kind from the wrong part.
    """
    training = {"optimizer": {"kind": "sgd", "learning_rate": 0.25}}
    spec = spec_json(architecture={"width": [5, 3], "depth": 2}, training=training, seed=4, dtype="float64")
    row = scene.row(scene.submit(spec=spec))
    assert (row.type, row.target_kind, row.dataset_kind) == ("approximation", "sine-sum", "sampled")
    assert (row.architecture_kind, row.optimizer_kind, row.learning_rate) == ("mlp", "sgd", 0.25)
    assert (row.width, row.depth, row.parameters) == (5, 2, 32)
    assert (row.seed, row.dtype, row.spec_version, row.queue) == (4, "float64", 1, "cpu")
    assert row.simulation_kind is None


def test_a_simulation_has_its_kind(scene: Scene) -> None:
    """Caught when mutated: reading parts that a simulation does not have."""
    spec = {"type": "simulation", "simulation": {"kind": "goe-eigenvalues"}, "seed": 3}
    row = scene.row(scene.submit(spec=spec))
    assert (row.type, row.simulation_kind, row.seed, row.parameters) == ("simulation", "goe-eigenvalues", 3, None)


def test_a_recorded_result_has_succeeded_at_once(scene: Scene) -> None:
    """Caught when mutated: verified; left in the queue; a curve's summary replaced by the bare value."""
    spec = {
        "type": "recorded",
        "config": {"model": "mine", "rate": 0.1},
        "metrics": {"test_loss": 0.5, "score": 3.0},
        "curves": {"test_loss": [[0, 10], [2.0, 0.5]], "empty": [[], []]},
        "seed": 7,
    }
    experiment_id = scene.submit(spec=spec)
    view = scene.view(experiment_id)
    assert (view.status, view.outcome, view.verified) == (Status.SUCCEEDED, Outcome.COMPLETED, False)
    assert (view.finished_at, view.started_at, view.attempt) == (scene.now, None, None)
    assert view.metrics == {
        "score": MetricSummary(first=3.0, last=3.0, min=3.0, max=3.0, mean=3.0, argmin_step=None, n=1),
        "test_loss": MetricSummary(first=2.0, last=0.5, min=0.5, max=2.0, mean=1.25, argmin_step=10, n=2),
    }
    found = {each.name: each for each in scene.read(queries.curves_of, experiment_id)}
    assert found["test_loss"].steps == (0, 10)
    assert scene.kinds(experiment_id) == ["succeeded"]
    assert scene.claim() is None


def test_a_retry_starts_afresh(scene: Scene) -> None:
    """Caught when mutated: attempts, reason, points or an old deadline kept."""
    held = scene.running(max_attempts=1, queue_ttl_seconds=100)
    scene.write(results.record, [results.Report(id=held.id, fence=1, curves=(curve("train_loss", 1.0),))])
    scene.write(results.fail, held.id, held.fence, StatusReason.INTERNAL, "boom", scene.tick())
    assert scene.write(submissions.retry, scene.project_id, held.id, scene.tick(1000)) is True
    view, row = scene.view(held.id), scene.row(held.id)
    assert (view.status, view.status_reason, view.status_detail) == (Status.QUEUED, StatusReason.NONE, None)
    assert (view.started_at, view.finished_at, view.queued_at) == (None, None, scene.now)
    assert (view.metrics, scene.read(queries.curves_of, held.id)) == ({}, [])
    assert (row.attempts, row.reports, row.queue_deadline) == (0, 0, scene.now + timedelta(seconds=100))
    assert scene.write(submissions.retry, "prj_other", held.id, scene.tick()) is None


def replayed(scene: Scene, **changes: Any) -> StoredReply | None:
    """Ask for the reply to a request, as if nothing came of it."""
    answer = scene.write(submissions.replay, project_id=scene.project_id, **(REQUEST | changes))
    assert answer is None or isinstance(answer, StoredReply)
    return answer


def keep_reply(scene: Scene) -> None:
    """Answer a request."""
    with scene.database.write() as session:
        assert submissions.replay(session, project_id=scene.project_id, **REQUEST) is None
        submissions.store_reply(session, project_id=scene.project_id, **REQUEST, reply=REPLY, now=scene.tick())


def test_the_same_request_gets_the_same_reply(scene: Scene) -> None:
    """Caught when mutated: status, body or headers not kept."""
    keep_reply(scene)
    assert replayed(scene) == REPLY
    assert replayed(scene, key="other") is None


@pytest.mark.parametrize("part", ["method", "path", "body_hash"])
def test_a_key_reused_for_another_request_is_refused(scene: Scene, part: str) -> None:
    """Caught when mutated: the part left out of the comparison."""
    keep_reply(scene)
    with pytest.raises(KeyReusedError):
        replayed(scene, **{part: "other"})
    assert replayed(scene) == REPLY


def test_another_project_may_use_the_same_key(scene: Scene) -> None:
    """Caught when mutated: keys unique over all projects."""
    keep_reply(scene)
    with scene.database.write() as session:
        other = queries.ensure_project(session, "other")
        assert submissions.replay(session, project_id=other, **REQUEST | {"body_hash": "2"}) is None


def test_a_failed_request_keeps_nothing(scene: Scene) -> None:
    """Caught when mutated: the record committed by itself; the repeated request would never be done."""

    def interrupted() -> None:
        with scene.database.write() as session:
            submissions.replay(session, project_id=scene.project_id, **REQUEST)
            submissions.submit(session, new_experiment(), project_id=scene.project_id, now=scene.tick())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    with scene.database.read() as session:
        assert session.execute(select(func.count()).select_from(ExperimentRow)).scalar_one() == 0
    keep_reply(scene)


def test_replies_are_kept_for_a_day(scene: Scene) -> None:
    """Caught when mutated: hours for minutes; records that never got a reply kept for ever."""
    keep_reply(scene)
    stored_at = scene.now
    assert replayed(scene, key="abandoned") is None
    assert scene.write(chores.expire_replies, stored_at + timedelta(hours=23)) == 1
    assert replayed(scene) == REPLY
    assert scene.write(chores.expire_replies, stored_at + timedelta(hours=24)) == 1
    assert replayed(scene) is None


def test_a_project_is_made_once(scene: Scene) -> None:
    """Caught when mutated: a new project at each start."""
    assert scene.write(queries.ensure_project) == scene.project_id
    assert scene.write(queries.ensure_project, "other") != scene.project_id
