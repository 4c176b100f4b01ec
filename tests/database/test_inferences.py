"""Questions to finished models."""

import math
from datetime import timedelta

from tests.database.scene import Scene, measurement, model
from workers.database.columns import pack_values
from workers.database.inferences import answer, ask, claim_inference, inference
from workers.database.values import Inference

INPUTS = [[0.1, -2.0], [1e-300, 3.0]]


def finished(scene: Scene) -> str:
    """Return an experiment that has left a model."""
    held = scene.running()
    scene.finish(held, measurement(1.0, artifacts=[model(b"weights")]))
    return held.id


def test_a_question_is_answered_once(scene: Scene) -> None:
    """Caught when mutated: an answer overwritten; NaN among the outputs lost."""
    experiment_id = finished(scene)
    asked = scene.write(ask, scene.project_id, experiment_id, INPUTS, scene.tick())
    taken, spec, weights = scene.write(claim_inference, "wrk_i", scene.tick())
    assert (spec, weights) == (scene.view(experiment_id).spec, b"weights")
    assert taken == Inference(
        id=asked, experiment_id=experiment_id, status="running", inputs=INPUTS, outputs=None, detail=None
    )
    assert scene.write(claim_inference, "wrk_j", scene.tick()) is None
    assert scene.write(answer, asked, [[1.5], [math.nan]], None, scene.tick()) is True
    assert scene.write(answer, asked, [[9.9], [9.9]], None, scene.tick()) is False
    found = scene.read(inference, asked)
    assert found.status == "succeeded"
    assert pack_values([row[0] for row in found.outputs]) == pack_values([1.5, math.nan])


def test_the_oldest_question_comes_first(scene: Scene) -> None:
    """Caught when mutated: newest first."""
    experiment_id = finished(scene)
    asked = [scene.write(ask, scene.project_id, experiment_id, INPUTS, scene.tick()) for _ in range(3)]
    assert [scene.write(claim_inference, "wrk_i", scene.tick())[0].id for _ in asked] == asked


def test_a_failure_says_why(scene: Scene) -> None:
    """Caught when mutated: a failed question left running."""
    asked = scene.write(ask, scene.project_id, finished(scene), INPUTS, scene.tick())
    scene.write(claim_inference, "wrk_i", scene.tick())
    assert scene.write(answer, asked, None, "wrong number of inputs", scene.tick())
    found = scene.read(inference, asked)
    assert (found.status, found.outputs, found.detail) == ("failed", None, "wrong number of inputs")


def test_a_question_without_a_model_fails_and_does_not_block_the_next(scene: Scene) -> None:
    """Caught when mutated: raising there, so that the queue stands still."""
    empty = scene.running()
    first = scene.write(ask, scene.project_id, empty.id, INPUTS, scene.tick())
    second = scene.write(ask, scene.project_id, finished(scene), INPUTS, scene.tick())
    assert scene.write(claim_inference, "wrk_i", scene.tick())[0].id == second
    assert scene.read(inference, first).status == "failed"


def test_a_question_whose_worker_died_is_asked_again(scene: Scene) -> None:
    """Caught when mutated: a lost question never taken again, or taken at once beside a living worker."""
    asked = scene.write(ask, scene.project_id, finished(scene), INPUTS, scene.tick())
    scene.write(claim_inference, "wrk_i", scene.tick())
    assert scene.write(claim_inference, "wrk_j", scene.now + timedelta(seconds=29)) is None
    assert scene.write(claim_inference, "wrk_j", scene.now + timedelta(seconds=30))[0].id == asked
