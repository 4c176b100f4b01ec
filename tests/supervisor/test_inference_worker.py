"""An inference worker answers while training goes on elsewhere."""

import io
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.supervisor.laboratory import Laboratory, WorkerProcess, spec, until
from workers.database import inferences, queries
from workers.database.values import Inference
from workers.experiments.lifecycle import Status


@pytest.fixture
def trained(shared: Laboratory, worker: WorkerProcess) -> str:
    """Id of a finished experiment."""
    (id,) = shared.submit_and_ring(spec())
    shared.wait([id], Status.SUCCEEDED)
    return id


def ask(laboratory: Laboratory, experiment_id: str, inputs: list[list[float]]) -> Inference:
    """Ask, ring and wait for the answer."""
    with laboratory.database.write() as session:
        id = inferences.ask(session, laboratory.project_id, experiment_id, inputs, datetime.now(UTC))
    laboratory.bell.ring("inference")

    def look() -> Inference:
        with laboratory.database.read() as session:
            found = inferences.inference(session, id)
        assert found is not None
        return found

    until(lambda: look().status in ("succeeded", "failed"), lambda: laboratory.describe([experiment_id]))
    return look()


def test_a_prediction_equals_the_stored_outputs_and_a_wrong_question_gets_a_reason(
    shared: Laboratory, trained: str
) -> None:
    """Catches predictions in scaled units, of another experiment, and a bad input that ends the worker."""
    shared.worker("inference")
    with shared.database.read() as session:
        content = queries.named_content(session, trained, "predictions.npz")
    assert content is not None
    stored = np.load(io.BytesIO(content))
    inputs = stored["test_inputs"][:5].tolist()
    answer = ask(shared, trained, inputs)
    assert answer.status == "succeeded", answer.detail
    assert answer.outputs is not None
    np.testing.assert_allclose(answer.outputs, stored["test_outputs"][:5], rtol=1e-6)  # float32 network, other batch
    refused = ask(shared, trained, [[0.1, 0.2, 0.3, 0.4, 0.5]])
    assert refused.status == "failed" and refused.detail
    assert ask(shared, trained, inputs).outputs == answer.outputs
